import { NO_DOWNLOAD } from '../../../src/model/download-outcome.js';
import { describeEffect, describeReasons, type HeldDownload } from '../../../src/model/guard.js';
import type { DownloadResult } from '../../../src/model/operations.js';
import type { OwnedTable } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import type { Database, Session } from '../../../src/postgres/session.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import type { Attempt } from '../../attempt.js';
import { endHold, type FoundHold, type OpenHold, saveHold, toHeldDownload } from './hold.js';

/** Leaves the transaction of a download, which is then rolled back: so nothing of a held change set is applied. */
export class HeldChanges extends Error {
  override readonly name = 'HeldChanges';
  readonly found: FoundHold;

  constructor(found: FoundHold) {
    super('the download is held');
    this.found = found;
  }
}

/** A download that is held, as its operation fails with it. */
export class HeldFailure extends DatabaseFailure {
  readonly held: HeldDownload;

  constructor(siteId: string, held: HeldDownload) {
    const { table, reasons, since } = held;
    const message = `remote database: the changes of table ${table} look like a mistake: ${describeReasons(reasons)}. The download has been held since ${since.slice(0, 19).replace('T', ' ')}Z; nothing was changed here. If approved, the next cycle ${describeEffect(held)}`;
    const next = `If the remote is wrong, fix it there: the hold then ends by itself. To see what is held, and to decide: meter-sync downloads show --site ${siteId} --table ${table}`;
    super('schema', message, { side: 'remote', table, next });
    this.held = held;
  }
}

/**
 * Notes a held change set in a transaction of its own.
 * @returns the result of a download that a person has rejected: nothing was done
 * @throws HeldFailure - nobody has decided yet
 */
export async function settleHold(
  local: Database,
  owned: OwnedTable,
  { found }: HeldChanges,
  { siteId, attempt }: { readonly siteId: string; readonly attempt: Attempt },
): Promise<DownloadResult> {
  const { signal, log } = attempt;
  const open = await withTransaction(local, { isolation: 'read committed', signal }, (here) =>
    saveHold(here, siteId, owned, found),
  );
  const held = toHeldDownload(open);
  if (open.decided?.decision !== 'reject') throw new HeldFailure(siteId, held);
  const { table, change, decided } = held;
  log.info('rejected changes of the remote are not applied', { table, change, by: decided?.by, at: decided?.at });
  return toRejected(held);
}

function toRejected(held: HeldDownload): DownloadResult {
  const counts = { ...NO_DOWNLOAD, localCount: held.localRows, remoteCount: held.remoteRows };
  return { ...counts, newRows: [], changedRows: [], observedAt: new Date().toISOString(), rejected: held };
}

/**
 * Ends the open hold of a table, if there is one, in the transaction of a download that came through. Without an approval nothing is
 * held any more: the remote is itself again, the guard is off, or the site's table is empty.
 */
export async function endOpenHold(here: Session, hold: OpenHold | null, isApproved: boolean): Promise<void> {
  if (hold !== null) await endHold(here, hold, isApproved ? 'applied' : 'recovered');
}
