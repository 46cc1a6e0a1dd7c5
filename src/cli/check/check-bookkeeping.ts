import { METER_SYNC_SCHEMA, readMissing } from '../../../activities/upload/migrations.js';
import { type Database, run } from '../../postgres/session.js';
import { withTransaction } from '../../postgres/transaction.js';
import type { Findings } from './finding.js';
import { selectMissingRights } from './statements.js';

const UPLOAD_STATE = { schema: METER_SYNC_SCHEMA, name: 'upload_state' };

/** Looks at our own schema: complete, and with the rights that the upload needs. */
export async function checkBookkeeping(database: Database, findings: Findings): Promise<void> {
  await findings.attempt(async () => {
    const missing = await readMissing(database);
    if (missing.length > 0) {
      findings.error(
        `schema ${METER_SYNC_SCHEMA} lacks ${missing.join(', ')}`,
        'meter-sync init (or --print, for an administrator)',
      );
      return;
    }
    if (database.side === 'local') await checkUploadState(database, findings);
    findings.ok(`schema ${METER_SYNC_SCHEMA} is complete`);
  });
}

async function checkUploadState(database: Database, findings: Findings): Promise<void> {
  const missing = await withTransaction(database, { isolation: 'read committed' }, (session) =>
    run<{ right: string }>(session, selectMissingRights(UPLOAD_STATE, ['SELECT', 'INSERT', 'UPDATE'])),
  );
  if (missing.length === 0) return;
  const names = missing.map(({ right }) => right).join(', ');
  findings.error(
    `no right to ${names} on ${METER_SYNC_SCHEMA}.upload_state`,
    'Let an administrator run the output of: meter-sync init --print',
  );
}
