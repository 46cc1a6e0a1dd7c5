import type { ConnectionSettings } from '../config/read/read-connection.js';
import { toPoolSettings } from '../config/pool-settings.js';
import type { Side } from '../model/failures.js';
import { createPool } from '../postgres/pool.js';
import type { Database } from '../postgres/session.js';

/** Runs `work` with a database of its own connections, and closes them. */
export async function withDatabase<Result>(
  settings: ConnectionSettings,
  side: Side,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const poolSettings = toPoolSettings(settings, { applicationName: 'meter-sync', maxConnections: 4 });
  const pool = createPool(poolSettings, () => undefined); // an idle connection that is lost is opened again when needed
  try {
    return await work({ side, pool });
  } finally {
    await pool.end();
  }
}
