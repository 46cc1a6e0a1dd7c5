import { describeEffect, type HeldDownload } from '../../model/guard.js';
import type { Answer } from '../command.js';

/** The answer to a decision that the site has taken. */
export function toDecided(siteId: string, held: HeldDownload): Answer {
  const { table, decided } = held;
  const text =
    decided?.decision === 'approve'
      ? `Approved by ${decided.by}: the next cycle ${describeEffect(held)} in table ${table}, unless the remote has other changes by then.\nnext: meter-sync sync-now --site ${siteId} --wait`
      : `Rejected by ${decided?.by ?? ''}: table ${table} stays as it is, until the remote has other changes.\nnext: meter-sync status --site ${siteId}`;
  return { document: { ok: true, siteId, held }, text };
}
