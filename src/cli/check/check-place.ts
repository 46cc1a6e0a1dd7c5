import { findPlace, readChain } from '../../../activities/upload/chain/read-chain.js';
import { readLocalUpload } from '../../../activities/upload/chain/upload-state.js';
import { readHolds } from '../../../activities/download/guard/hold.js';
import { describeReasons } from '../../model/guard.js';
import type { CustodyMode } from '../../model/table.js';
import { DatabaseFailure } from '../../postgres/errors.js';
import type { Database } from '../../postgres/session.js';
import { withConnection } from '../../postgres/transaction.js';
import type { Findings } from './finding.js';

/** What the databases themselves say of a site, with a worker or without: its place in the chain, and held downloads. */
export async function checkPlace(
  { local, remote }: { readonly local: Database; readonly remote: Database },
  { siteId, custody }: { readonly siteId: string; readonly custody: CustodyMode },
  findings: Findings,
): Promise<void> {
  await findings.attempt(() => unlessMissing(() => checkHolds(local, siteId, findings)));
  if (custody === 'off') return;
  await findings.attempt(() =>
    unlessMissing(async () => {
      const { chain } = await readLocalUpload(local, { siteId });
      const there = await readChain(remote, siteId, chain);
      const { link } = findPlace(siteId, chain, there); // throws `fenced`
      findings.ok(
        link.seq === 0
          ? `site ${siteId} has sent nothing to this remote yet`
          : `site ${siteId} and the remote agree on the custody chain, at record ${link.seq}`,
      );
    }),
  );
}

async function checkHolds(local: Database, siteId: string, findings: Findings): Promise<void> {
  const holds = await withConnection(local, {}, (session) => readHolds(session, siteId, null));
  for (const { table, reasons, decided } of holds) {
    const show = `meter-sync downloads show --site ${siteId} --table ${table}`;
    if (decided === null) {
      findings.error(`a download of table ${table} is held for a decision: ${describeReasons(reasons)}`, show);
    } else if (decided.decision === 'reject') {
      findings.warning(`changes of table ${table} were rejected by ${decided.by}, and are not applied`, show);
    }
  }
}

/** That our schema is not there yet is told elsewhere. */
async function unlessMissing(look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.kind !== 'schema') throw error;
  }
}
