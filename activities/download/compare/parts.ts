import type { DownloadLimits } from '../plan/limits.js';

/** Parts of a table, by the lowest bits of the hash of its key: all, or those chosen among `count`, a power of two. */
export type Parts = 'all' | { readonly count: number; readonly chosen: readonly number[] };

export const NO_PARTS: Parts = { count: 1, chosen: [] };

/** When so many of the parts differ, all are looked into: to choose among them would cost more than it spares. */
const MOST_CHOSEN_SHARE = 0.5;

/** Into how many parts a table of so many rows is divided. */
export function countParts(rows: number, { rowsOfAPart, mostParts }: DownloadLimits): number {
  let count = 1;
  while (count < mostParts && count * rowsOfAPart < rows) count *= 2;
  return count;
}

/** True when a table has grown or shrunk so much that it is divided anew. */
export function isIllDivided(count: number, rows: number, limits: DownloadLimits): boolean {
  const wanted = countParts(rows, limits);
  return wanted >= 4 * count || wanted * 16 <= count;
}

/** These of `count` parts, or all when they are most of them. */
export function choose(chosen: readonly number[], count: number): Parts {
  return chosen.length > count * MOST_CHOSEN_SHARE ? 'all' : { count, chosen };
}

/** The part of a key, as SQL; a key that is null, which is told as a mistake, is in the first one. */
export function partOf(keyHash: string, count: number): string {
  return `(coalesce(${keyHash}, 0) & ${count - 1})::integer`;
}

/** True for keys of these parts, as SQL. A list of constants would be searched from its start for each row before PostgreSQL 14. */
export function isInParts(keyHash: string, parts: Parts): string {
  if (parts === 'all') return 'true';
  if (parts.chosen.length === 0) return 'false';
  return `${partOf(keyHash, parts.count)} in (select unnest('{${parts.chosen.join(',')}}'::integer[]))`;
}
