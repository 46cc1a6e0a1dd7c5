import type { Side } from '../src/model/failures.js';
import { createPool } from '../src/postgres/pool.js';
import type { Database } from '../src/postgres/session.js';

/** More than a worker allows itself, for variants with more batches in flight; none is opened that is not used. */
const MAX_CONNECTIONS = 10;

/** One end of the product, as a worker opens it. */
export function openDatabase(side: Side, url: string): Database {
  const { hostname, port, username, password, pathname } = new URL(url);
  const pool = createPool(
    {
      host: hostname,
      port: Number(port),
      database: decodeURIComponent(pathname.slice(1)),
      user: decodeURIComponent(username),
      password: () => decodeURIComponent(password),
      ssl: false,
      applicationName: 'meter-sync bench',
      maxConnections: MAX_CONNECTIONS,
    },
    (error) => {
      throw error;
    },
  );
  return { side, pool };
}
