import { printMigrations } from '../../activities/bookkeeping/migrations.js';
import { ensureSiteKey } from '../../activities/custody/records/site-key.js';
import type { Database } from '../../src/postgres/session.js';
import { WORKER } from './rights.js';

/** The sites of the tests that share one database. */
const SITES = ['test', 'other', 'north'];

/** What an administrator does to a database with what `init --print` shows for the worker's role, and `init` after that: our schema, and at the site a key for each of its sites. */
export async function prepareBookkeeping(admin: Database, siteIds: readonly string[] = SITES): Promise<void> {
  await admin.pool.query(printMigrations(admin.side, WORKER));
  if (admin.side === 'remote') return;
  for (const siteId of siteIds) await ensureSiteKey(admin, siteId);
}
