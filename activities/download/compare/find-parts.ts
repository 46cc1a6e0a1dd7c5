import type { Side } from '../../../src/model/failures.js';
import { relation } from '../../../src/postgres/identifier.js';
import { run, runAll, type Session } from '../../../src/postgres/session.js';
import type { DownloadLimits } from '../plan/limits.js';
import type { Look, Sessions } from './look.js';
import type { TableMemory } from './memory.js';
import { choose, isIllDivided, NO_PARTS, partOf, type Parts } from './parts.js';
import { keyHash, rowHash } from './hashes.js';
import { isOwned } from './staging.js';

/** Where the ends are no longer as they were remembered. */
export interface DifferingParts {
  /** Parts to be looked into: those that differ at either end, and those with rows to be tried again. */
  readonly touched: Parts;
  /** Parts of which the end has to be asked; of the others of `touched` the memory is true. */
  readonly local: Parts;
  readonly remote: Parts;
}

/** All of both ends, where nothing is remembered of them. */
export const ALL_PARTS: DifferingParts = { touched: 'all', local: 'all', remote: 'all' };

/**
 * Compares both ends with the memory, by parts where they are large, and only where the sum of the whole says that there is
 * a difference. So the cost is that of what has changed, not that of the table.
 * @param full - rows that were refused are tried again, as those that wait
 */
export async function findParts(
  { here, there }: Sessions,
  look: Look,
  memory: TableMemory,
  { limits, full }: { readonly limits: DownloadLimits; readonly full: boolean },
): Promise<DifferingParts> {
  const count = Number(memory.parts);
  const before = await readMemory(here, memory);
  if (!addsUp(before, memory)) return ALL_PARTS;
  const [local, remote] = await Promise.all([
    compare(here, look, memory, { before, count, limits }),
    compare(there, look, memory, { before, count, limits }),
  ]);
  const rows = Math.max(Number(look.local.rows), Number(look.remote.rows));
  if (local === 'all' || remote === 'all' || isIllDivided(count, rows, limits))
    return { touched: 'all', local, remote };
  const again = before.filter((part) => part.waiting !== '0' || (full && part.refused !== '0'));
  const touched = new Set([...local.chosen, ...remote.chosen, ...again.map(({ part }) => Number(part))]);
  return { touched: choose([...touched], count), local, remote };
}

/** False for a memory that somebody has restored or damaged in part: it says nothing then of what came from the remote. */
function addsUp(parts: readonly PartMemory[], memory: TableMemory): boolean {
  return (['local', 'remote'] as const).every((side) => {
    const figures = parts.map((part) => part[side].split(' ').map(BigInt));
    const total = (at: 0 | 1): bigint => figures.reduce((sum, figure) => sum + (figure[at] ?? 0n), 0n);
    return total(0) === BigInt(memory[`${side}_rows`]) && total(1) === BigInt(memory[`${side}_sum`]);
  });
}

interface Compared {
  readonly before: readonly PartMemory[];
  readonly count: number;
  readonly limits: DownloadLimits;
}

async function compare(
  session: Session,
  look: Look,
  memory: TableMemory,
  { before, count, limits }: Compared,
): Promise<Parts> {
  const { side } = session;
  const now = look[side];
  if (now.rows === memory[`${side}_rows`] && now.sum === memory[`${side}_sum`]) return NO_PARTS;
  if (Number(now.rows) <= limits.listedRows) return 'all';
  const parts = new Map((await readParts(session, look, count)).map(({ part, sum }) => [part, sum]));
  const remembered = new Map(before.map((part) => [part.part, part[side]]));
  const all = new Set([...parts.keys(), ...remembered.keys()]);
  const isEqual = (part: string): boolean => (parts.get(part) ?? EMPTY) === (remembered.get(part) ?? EMPTY);
  return choose([...all].filter((part) => !isEqual(part)).map(Number), count);
}

/** What is read of a part that has no rows. */
const EMPTY = '0 0';

interface PartMemory extends Readonly<Record<Side, string>> {
  readonly part: string;
  readonly waiting: string;
  readonly refused: string;
}

function readMemory(here: Session, { id }: TableMemory): Promise<PartMemory[]> {
  return run<PartMemory>(here, {
    text: `
      select part::text, concat(local_rows, ' ', local_sum) as local, concat(remote_rows, ' ', remote_sum) as remote,
        waiting::text, refused::text
      from meter_sync.download_part
      where table_id = ${id}`,
    values: [],
  });
}

/** The planner takes each key for a part of its own, and would sort them all. */
async function readParts(session: Session, { plan }: Look, count: number): Promise<{ part: string; sum: string }[]> {
  const { side } = session;
  const results = await runAll(session, [
    'set local enable_sort = off',
    `select ${partOf(keyHash(plan, side, 'r'), count)} as part, concat(count(*), ' ', coalesce(sum(${rowHash(plan, side, 'r')}), 0)) as sum
     from ${relation(plan.table)} as r
     where ${isOwned(plan.filter, 'r')}
     group by 1`,
    'set local enable_sort = on',
  ]);
  return results[1] as { part: string; sum: string }[];
}
