import type { DownloadDecision, HeldDownload } from '../../../src/model/guard.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { type Database, run } from '../../../src/postgres/session.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import type { Attempt } from '../../attempt.js';
import { readHolds, toHeldDownload } from './hold.js';

/**
 * Notes what a person says to a held download, and who and when: the next download of that table acts on it. May be called
 * again; the last word counts.
 * @throws DatabaseFailure `config` - nothing is held, or another change set than the one that was looked at
 */
export async function noteDecision(
  local: Database,
  siteId: string,
  { table, decision, by, change }: DownloadDecision,
  { signal, log }: Attempt,
): Promise<HeldDownload> {
  const decided = await withTransaction(local, { isolation: 'read committed', signal }, async (here) => {
    const [open, ...others] = await readHolds(here, siteId, table);
    if (open === undefined) throw new DatabaseFailure('config', `no download of table ${table} is held`);
    if (others.length > 0) {
      const names = [open, ...others].map((hold) => hold.table).join(', ');
      throw new DatabaseFailure('config', `more than one table of that name is held; expected one of ${names}`);
    }
    if ((change ?? open.change) !== open.change) {
      const message = `table ${open.table} is held with other changes now: ${open.change}, and not ${change ?? ''}. Look at them first`;
      throw new DatabaseFailure('config', message);
    }
    await run(here, {
      text: `
        update meter_sync.download_hold
        set decision = $2, decided_by = $3, decided_at = clock_timestamp()
        where id = $1 and ended_at is null and fingerprint = $4`,
      values: [open.id, decision, by, open.change],
    });
    const [after] = await readHolds(here, siteId, open.table);
    if (after?.decided?.by === by && after.change === open.change) return toHeldDownload(after);
    throw new DatabaseFailure('config', `the hold of table ${open.table} has just ended or changed. Look at it again`);
  });
  log.info('held download decided', { table: decided.table, change: decided.change, decision, by });
  return decided;
}
