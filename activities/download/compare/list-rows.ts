import type { Side } from '../../../src/model/failures.js';
import { copyBetween } from '../../../src/postgres/copy.js';
import { relation } from '../../../src/postgres/identifier.js';
import { runAll } from '../../../src/postgres/session.js';
import type { DifferingParts } from './find-parts.js';
import type { Sessions } from './look.js';
import { isInParts, type Parts } from './parts.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { keyHash, rowHash } from './hashes.js';
import { isOwned, LOCAL_ROWS, REMEMBERED, REMOTE_ROWS } from './staging.js';

/**
 * Notes key and row hash of the rows of both ends in the parts that are looked into. Those that are as they were come from
 * memory, and only the others from the tables and over the wire.
 */
export async function listRows(
  { here, there }: Sessions,
  plan: DownloadPlan,
  { local, remote }: Pick<DifferingParts, 'local' | 'remote'>,
): Promise<void> {
  await runAll(here, [
    `insert into ${LOCAL_ROWS} (key_hash, row_hash) ${selectHashes(plan, 'local', local)}`,
    recall('local', local),
    recall('remote', remote),
  ]);
  if (remote === 'all' || remote.chosen.length > 0) {
    await copyBetween(
      { session: there, text: `copy (${selectHashes(plan, 'remote', remote)}) to stdout (format binary)` },
      { session: here, text: `copy ${REMOTE_ROWS} (key_hash, row_hash) from stdin (format binary)` },
    );
  }
  await runAll(here, [`analyze ${LOCAL_ROWS}`, `analyze ${REMOTE_ROWS}`]);
}

function selectHashes(plan: DownloadPlan, side: Side, parts: Parts): string {
  const key = keyHash(plan, side, 'r');
  return `
    select ${key}, ${rowHash(plan, side, 'r')}
    from ${relation(plan.table)} as r
    where ${isOwned(plan.filter, 'r')} and ${isInParts(key, parts)}`;
}

/** Only the parts that are looked into were taken up; of those, the ones that the table itself was not asked for. */
function recall(side: Side, asked: Parts): string {
  const hash = `${side}_hash`;
  return `
    insert into ${side === 'local' ? LOCAL_ROWS : REMOTE_ROWS} (key_hash, row_hash)
    select key_hash, ${hash}
    from ${REMEMBERED}
    where ${hash} is not null and not (${isInParts('key_hash', asked)})`;
}
