import { readMissing } from '../../../activities/bookkeeping/migrations.js';
import type { CustodyMode } from '../../model/table.js';
import type { Database } from '../../postgres/session.js';
import type { Findings } from './finding.js';

/** Looks whether our own schema is complete. Its rights are checked with those of the readings, as the upload does. */
export async function checkBookkeeping(database: Database, custody: CustodyMode, findings: Findings): Promise<void> {
  if (database.side === 'remote' && custody === 'off') {
    return findings.ok('schema meter_sync is not wanted, since METER_SYNC_CUSTODY is off');
  }
  await findings.attempt(async () => {
    const missing = await readMissing(database);
    if (missing.length === 0) return findings.ok('schema meter_sync is complete');
    findings.error(
      `schema meter_sync lacks ${missing.join(', ')}`,
      'meter-sync init (or --print, for an administrator)',
    );
  });
}
