import type { Pool } from 'pg';
import { loadConfig } from '../../src/config/load.js';
import { toPoolSettings } from '../../src/config/pool-settings.js';
import type { DatabaseFailure } from '../../src/postgres/errors.js';
import { createPool } from '../../src/postgres/pool.js';
import { run } from '../../src/postgres/session.js';
import { withTransaction } from '../../src/postgres/transaction.js';

/** A pool as the settings of the local database say; the caller ends it. */
export function openPoolAs(env: Readonly<Record<string, string>>): Pool {
  const { local } = loadConfig({ env: { POSTGRES_CLIENT_HOST: 'elsewhere', ...env } });
  return createPool(toPoolSettings(local, { applicationName: 'connect test', maxConnections: 1 }), () => undefined);
}

/** Who a new connection is, `user@port of the server`; or the failure, when there is none. */
export async function ask(pool: Pool): Promise<string | DatabaseFailure> {
  try {
    const [row] = await withTransaction({ side: 'local', pool }, { isolation: 'read committed' }, (session) =>
      run<{ who: string }>(session, {
        text: `select format('%s@%s', current_user, current_setting('port')) as who`,
        values: [],
      }),
    );
    return row?.who ?? 'nobody';
  } catch (error) {
    return error as DatabaseFailure;
  }
}

/** The same for one connection of a pool of its own. */
export async function connectAs(env: Readonly<Record<string, string>>): Promise<string | DatabaseFailure> {
  const pool = openPoolAs(env);
  try {
    return await ask(pool);
  } finally {
    await pool.end();
  }
}
