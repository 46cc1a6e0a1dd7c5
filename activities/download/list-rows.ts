import { copyBetween } from '../../src/postgres/copy.js';
import { relation } from '../../src/postgres/identifier.js';
import { run, runAll, type Session } from '../../src/postgres/session.js';
import type { Fingerprint } from './fingerprint.js';
import type { TableMemory } from './memory.js';
import type { DownloadPlan } from './plan-download.js';
import { keyHash, rowHash } from './row-hashes.js';
import { isOwned, LOCAL_ROWS, REMOTE_ROWS } from './staging.js';

/** A larger table is first compared by parts, so that a list of the parts that differ will do. */
const MAX_LISTED_ROWS = 20_000;
/** About so many rows are in a part. */
const ROWS_OF_A_PART = 500;
const MAX_PARTS = 4_096;

/** Notes key and row hash of each local row. */
export async function listLocal(here: Session, plan: DownloadPlan): Promise<void> {
  await runAll(here, [
    `insert into ${LOCAL_ROWS} (key_hash, row_hash) ${selectHashes(plan, 'local')}`,
    `analyze ${LOCAL_ROWS}`,
  ]);
}

/**
 * Notes key and row hash of each remote row: those that are as they were come from memory, and only the others over the
 * wire.
 */
export async function listRemote(
  { here, there }: { readonly here: Session; readonly there: Session },
  plan: DownloadPlan,
  memory: TableMemory,
  now: Fingerprint,
): Promise<void> {
  if (now.rows === memory.remote_rows && now.sum === memory.remote_sum) await recall(here, memory, 'true');
  else if (Number(now.rows) <= MAX_LISTED_ROWS || memory.remote_rows === '0')
    await fetchList(here, there, plan, 'true');
  else {
    const parts = toParts(Number(now.rows));
    const differing = await findParts(here, there, plan, { memory, parts });
    await recall(here, memory, `not (${isIn('key_hash', parts, differing)})`);
    await fetchList(here, there, plan, isIn(keyHash(plan, 'remote', 'r'), parts, differing));
  }
  await runAll(here, [`analyze ${REMOTE_ROWS}`]);
}

function selectHashes(plan: DownloadPlan, side: 'local' | 'remote', condition = 'true'): string {
  return `
    select ${keyHash(plan, side, 'r')}, ${rowHash(plan, side, 'r')}
    from ${relation(plan.table)} as r
    where ${isOwned(plan.filter, 'r')} and ${condition}`;
}

async function recall(here: Session, { id }: TableMemory, condition: string): Promise<void> {
  await run(here, {
    text: `
      insert into ${REMOTE_ROWS} (key_hash, row_hash)
      select key_hash, remote_hash from meter_sync.download_row
      where table_id = ${id} and remote_hash is not null and ${condition}`,
    values: [],
  });
}

async function fetchList(here: Session, there: Session, plan: DownloadPlan, condition: string): Promise<void> {
  await copyBetween(
    { session: there, text: `copy (${selectHashes(plan, 'remote', condition)}) to stdout (format binary)` },
    { session: here, text: `copy ${REMOTE_ROWS} (key_hash, row_hash) from stdin (format binary)` },
  );
}

/** A power of two, so that a part is some bits of the key's hash. */
function toParts(rows: number): number {
  let parts = 64;
  while (parts < MAX_PARTS && parts * ROWS_OF_A_PART < rows) parts *= 2;
  return parts;
}

interface PartRow {
  readonly part: string;
  readonly rows: string;
  readonly sum: string;
}

async function findParts(
  here: Session,
  there: Session,
  plan: DownloadPlan,
  { memory, parts }: { readonly memory: TableMemory; readonly parts: number },
): Promise<number[]> {
  const sums = `part::text, count(*)::text as rows, sum(row_hash)::text as sum`;
  const [now, before] = await Promise.all([
    run<PartRow>(there, {
      text: `
        select ${sums}
        from (select ${keyHash(plan, 'remote', 'r')} & ${parts - 1} as part, ${rowHash(plan, 'remote', 'r')} as row_hash
          from ${relation(plan.table)} as r where ${isOwned(plan.filter, 'r')}) as h
        group by part`,
      values: [],
    }),
    run<PartRow>(here, {
      text: `
        select ${sums}
        from (select key_hash & ${parts - 1} as part, remote_hash as row_hash
          from meter_sync.download_row where table_id = ${memory.id} and remote_hash is not null) as h
        group by part`,
      values: [],
    }),
  ]);
  const figures = (rows: readonly PartRow[]): Map<string, string> =>
    new Map(rows.map((row) => [row.part, `${row.rows} ${row.sum}`]));
  const [a, b] = [figures(now), figures(before)];
  return [...new Set([...a.keys(), ...b.keys()])].filter((part) => a.get(part) !== b.get(part)).map(Number);
}

function isIn(hash: string, parts: number, chosen: readonly number[]): string {
  return chosen.length === 0 ? 'false' : `(${hash} & ${parts - 1}) in (${chosen.join(', ')})`;
}
