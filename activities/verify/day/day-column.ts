import type { ChainWalk } from '../../../src/model/chain-walk.js';
import { type NativeType, toNativeType } from '../../../src/model/hashed-column.js';
import type { Column } from '../../../src/model/table.js';

/** The column that sorts the readings of a chain into days. */
export interface DayColumn {
  readonly name: string;
  /** What the remote table has now; never a text of a record. */
  readonly type: NativeType;
}

/** The column that has days, and why days cannot be compared by it. */
export interface DayColumnNow {
  /** Null: the readings have no days, or see `obstacle`. */
  readonly column: DayColumn | null;
  /** Null: nothing stands against it. */
  readonly obstacle: string | null;
}

/** Finds the column that has days, which must be the same over the whole chain and still be what it was. */
export function findDayColumn(
  { days }: Pick<ChainWalk, 'days'>,
  columnsThere: ReadonlyMap<string, Column>,
): DayColumnNow {
  const totals = [...days.values()].filter(({ rows }) => rows > 0);
  const names = [...new Set(totals.map(({ dayColumn }) => dayColumn))];
  const [name = null] = names;
  if (names.length > 1) {
    const told = names.map((one) => one ?? 'none').join(', ');
    return { column: null, obstacle: `the column that sorts the readings into days was changed (${told})` };
  }
  if (name === null) return { column: null, obstacle: null };
  const there = columnsThere.get(name);
  if (there === undefined) return { column: null, obstacle: `the remote table no longer has column ${name}` };
  const type = toNativeType(there.baseType);
  if (type === null || !hasDays(there)) {
    return { column: null, obstacle: `column ${name} is ${there.baseType} now, which has no days` };
  }
  const other = totals.flatMap(({ columns }) => columns?.find((column) => column.name === name) ?? []);
  const was = other.find((column) => toNativeType(column.type) !== type);
  if (was !== undefined) {
    const obstacle = `column ${name} was ${was.type} and is ${there.baseType}, so its days may be others`;
    return { column: null, obstacle };
  }
  return { column: { name, type }, obstacle: null };
}

/** True for a date and for a timestamp, with a zone or without. */
export function hasDays({ baseType }: Pick<Column, 'baseType'>): boolean {
  return /^(date$|timestamp )/.test(toNativeType(baseType) ?? '');
}
