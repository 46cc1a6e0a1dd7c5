import { migrate } from '../../activities/bookkeeping/migrations.js';
import { ensureSiteKey } from '../../activities/upload/custody/site-key.js';
import type { Database } from '../../src/postgres/session.js';

/** The sites of the tests that share one database. */
const SITES = ['test', 'other'];

/** What `init` does to a database: our schema, and at the site a key for each of its sites. */
export async function prepareBookkeeping(database: Database, siteIds: readonly string[] = SITES): Promise<void> {
  await migrate(database);
  if (database.side === 'remote') return;
  for (const siteId of siteIds) await ensureSiteKey(database, siteId);
}
