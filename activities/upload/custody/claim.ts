import { hostname } from 'node:os';
import type { UploadReadingsInput } from '../../../src/model/operations.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { type Database, execute, run } from '../../../src/postgres/session.js';
import { withConnection, withTransaction } from '../../../src/postgres/transaction.js';
import { commitOnDisk } from './commit-on-disk.js';
import type { Turn } from '../upload-batch.js';
import type { Stand } from './read-chain.js';
import { insertClaim, updateLearnedRows, type UploadState, writeUploadState } from './upload-state.js';

/** Who claims, and how large the first batch is. */
type ClaimInput = Pick<UploadReadingsInput, 'siteId' | 'owner' | 'batchRows'>;

/** Where the site stands as both ends know it. */
interface ClaimedPlace {
  readonly state: UploadState;
  readonly stand: Stand;
  /** True when the server would confirm the claim before it is on its disk. */
  readonly commitsLate: boolean;
}

/**
 * Claims the site for a run: the claim is committed in the site's own database before any custody record carries it, so a
 * record is known as the site's own even when the run has ended between its two commits.
 */
export async function claimSite(
  local: Database,
  input: ClaimInput,
  { state, stand, commitsLate }: ClaimedPlace,
): Promise<Turn> {
  const { siteId, owner, batchRows } = input;
  const sentBy = `${hostname()}, process ${process.pid}`;
  const before = stand.isOneAhead ? { ...state, batch: state.batch + 1, link: stand.link } : state;
  const [row] = await withTransaction(local, { isolation: 'read committed' }, async (session) => {
    if (commitsLate) await execute(session, commitOnDisk());
    // The batch that was not removed has its record: this database follows it now, or the next crash made two of them.
    if (stand.isOneAhead) await writeUploadState(session, siteId, before, null);
    return run<{ claim: string }>(session, insertClaim({ siteId, owner: owner ?? null, sentBy, batchRows }));
  });
  if (row === undefined)
    throw new DatabaseFailure('unexpected', 'local database: a claim was not written', { side: 'local' });
  return { before, claim: row.claim, sentBy };
}

/** Keeps what a run has learned of the size of its batches, with the site's newest claim; where that fails, it is learned again. */
export async function keepLearnedRows(
  local: Database,
  siteId: string,
  batchRows: number,
  claim: (batchRows: number) => Promise<Turn>,
): Promise<void> {
  try {
    const order = updateLearnedRows(siteId, batchRows);
    const [kept] = await withConnection(local, {}, (session) => run(session, order));
    if (kept === undefined) await claim(batchRows); // the first run, and it failed before it claimed anything
  } catch {
    // What stopped the run says why.
  }
}
