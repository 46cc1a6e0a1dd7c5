import type { HashedColumn } from '../../src/model/hashed-column.js';
import type { Column } from '../../src/model/table.js';
import type { ChainWalk } from '../../src/model/chain-walk.js';

/** The column that has days, the same over the whole chain; null: there is none, or it is there no more. */
export function findDayColumn(
  { days }: Pick<ChainWalk, 'days'>,
  columnsThere: ReadonlyMap<string, Column>,
): HashedColumn | null {
  const totals = [...days.values()].filter(({ rows }) => rows > 0);
  const names = new Set(totals.map(({ dayColumn }) => dayColumn));
  const [name] = names;
  if (names.size !== 1 || name === null || name === undefined || !columnsThere.has(name)) return null;
  for (const { columns } of totals) {
    const column = columns?.find((known) => known.name === name);
    if (column !== undefined) return column;
  }
  return { name, type: 'timestamp with time zone' };
}
