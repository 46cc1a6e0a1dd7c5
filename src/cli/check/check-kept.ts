import { readKept } from '../../../activities/upload/keep/kept-readings.js';
import { readLost } from '../../../activities/upload/keep/lost.js';
import { describeLost } from '../../model/lost.js';
import type { QueueTable } from '../../model/table.js';
import { DatabaseFailure } from '../../postgres/errors.js';
import type { Database } from '../../postgres/session.js';
import { withConnection } from '../../postgres/transaction.js';
import { toCount } from '../../model/words.js';
import type { Findings } from './finding.js';

/** Tells what the remote has lost, and what is kept at the site. */
export async function checkKept(
  local: Database,
  siteId: string,
  { keepDays = 0 }: QueueTable,
  findings: Findings,
): Promise<void> {
  const found = await withConnection(local, {}, async (session) => ({
    lost: await readLost(session, siteId),
    kept: await readKept(session, siteId, { from: null, to: null }),
  })).catch((error: unknown) => {
    if (error instanceof DatabaseFailure && error.kind === 'schema') return null; // `init` is told to be missing elsewhere
    throw error;
  });
  if (found === null) return;
  const { lost, kept } = found;
  const days = kept.firstDay === null ? '' : ` of ${kept.firstDay} to ${kept.lastDay}`;
  if (keepDays > 0 || kept.rows > 0)
    findings.ok(`${toCount(kept.rows)} readings that have arrived are kept${days}, for ${keepDays} days`);
  if (lost === null) return;
  findings.error(
    `the remote was restored from an older backup and lacks ${describeLost(lost)}`,
    kept.rows > 0
      ? `Send them again: meter-sync resend --site ${siteId} --missing`
      : `Copy them back from a backup, then run meter-sync verify --site ${siteId}; or write them off: meter-sync adopt --site ${siteId} --accept-loss --by NAME --reason TEXT`,
  );
}
