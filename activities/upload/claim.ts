import { hostname } from 'node:os';
import type { UploadReadingsInput } from '../../src/model/operations.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { type Database, run } from '../../src/postgres/session.js';
import { withConnection } from '../../src/postgres/transaction.js';
import type { Turn } from './upload-batch.js';
import { insertClaim, updateLearnedRows, type UploadState } from './upload-state.js';

/**
 * Claims the site for a run: the claim is committed in the site's own database before any custody record carries it, so a
 * record is known as the site's own even when the run has ended between its two commits.
 */
export async function claimSite(
  local: Database,
  { siteId, owner }: Pick<UploadReadingsInput, 'siteId' | 'owner'>,
  batchRows: number,
  before: UploadState,
): Promise<Turn> {
  const sentBy = `${hostname()}, process ${process.pid}`;
  const order = insertClaim({ siteId, owner: owner ?? null, sentBy, batchRows });
  const [row] = await withConnection(local, {}, (session) => run<{ claim: string }>(session, order));
  if (row === undefined)
    throw new DatabaseFailure('unexpected', 'local database: a claim was not written', { side: 'local' });
  return { before, claim: row.claim, sentBy };
}

/** Keeps what a run has learned of the size of its batches. It only spares the next run from learning it again. */
export async function keepLearnedRows(local: Database, claim: string, batchRows: number): Promise<void> {
  const order = updateLearnedRows(claim, batchRows);
  await withConnection(local, {}, (session) => run(session, order)).catch(() => undefined);
}
