import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createPool } from '../../src/postgres/pool.js';
import type { Database } from '../../src/postgres/session.js';
import { missingPooler, startPooler } from '../faults/lab/pgbouncer.js';
import type { TestDatabase } from './postgres.js';

/** Why PgBouncer cannot be started here; null: it can. */
export const NO_POOLER = missingPooler();

/** A test's database as it is seen through PgBouncer in transaction mode, which ends with the test. */
export async function throughPooler({ side, settings }: Pick<TestDatabase, 'side' | 'settings'>): Promise<Database> {
  const path = await mkdtemp(join(tmpdir(), 'meter-sync-pooler-'));
  await chmod(path, 0o755); // PgBouncer refuses to run as root, so another user reads its settings
  await mkdir(join(path, 'remote'));
  const password = typeof settings.password === 'function' ? await settings.password() : '';
  const pooler = await startPooler({
    user: settings.user,
    remote: { door: { port: settings.port } },
    folder: { path, password },
  });
  const pool = createPool({ ...settings, host: '127.0.0.1', port: pooler.port }, () => undefined); // it is stopped below
  onTestFinished(async () => {
    await pool.end();
    await pooler.stop();
    await rm(path, { recursive: true });
  });
  return { side, pool };
}
