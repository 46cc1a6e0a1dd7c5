import { convert, isText } from './conversion.js';
import type { Column } from './table.js';
import { parseType } from './type-name.js';

/** A column of a custody record: its name, and the type that the remote had it in when the readings were delivered. */
export interface HashedColumn {
  readonly name: string;
  /** As `format_type` prints it with domains resolved, and without a schema, which would depend on the search path. */
  readonly type: string;
}

/** How a column of the remote is named in a record. */
export function toHashedColumn({ name, baseType }: Pick<Column, 'name' | 'baseType'>): HashedColumn {
  return { name, type: baseType.replace(SCHEMA, '') };
}

const SCHEMA = /^(?:"(?:[^"]|"")*"|[^"\s.(]+)\.(?=\S)/;

/**
 * Types that are hashed in a form of their own. All others are hashed as text: an enum's hash is of its object id, and some
 * types have none. These names alone stand in statements, never a text of a record.
 */
const NATIVE_TYPES = [
  'smallint',
  'integer',
  'bigint',
  'real',
  'double precision',
  'numeric',
  'boolean',
  'uuid',
  'bytea',
  'date',
  'timestamp with time zone',
  'timestamp without time zone',
  'time with time zone',
  'time without time zone',
  'interval',
] as const;

export type NativeType = (typeof NATIVE_TYPES)[number];

/** The type, without modifiers, in which a column is hashed; null: as text. */
export function toNativeType(type: string): NativeType | null {
  const { base, isArray } = parseType(type);
  return isArray ? null : (NATIVE_TYPES.find((native) => native === base) ?? null);
}

/** True for a type that is not hashed as text. */
export function hasOwnHash(type: string): boolean {
  return toNativeType(type) !== null;
}

/** What has become of the columns of a record. */
export interface ColumnsNow {
  /** False: a column is gone or of another type, so that the sums cannot be made again. */
  readonly canHash: boolean;
  /** True when a sum that is another one is no sign that somebody changed a value: a new type may have rewritten it. */
  readonly mayBeRewritten: boolean;
  /** Each column that is not what it was, for people. */
  readonly changed: readonly string[];
}

/**
 * Compares the columns of a record with those that the remote table has. A stored value is hashed as it is, and never cast to the
 * type of the record: a cast would hide an edit behind its rounding. So a type with other limits is hashed all the same, and one
 * of another name is not.
 */
export function compareColumns(
  columns: readonly HashedColumn[],
  columnsThere: ReadonlyMap<string, Column>,
): ColumnsNow {
  const fates = columns.map((column) => findFate(column, columnsThere));
  return {
    canHash: fates.every(({ fate }) => fate !== 'other'),
    mayBeRewritten: fates.some(({ fate }) => fate === 'rewritten'),
    changed: fates.flatMap(({ told }) => told ?? []),
  };
}

type Fate = 'same' | 'widened' | 'rewritten' | 'other';

function findFate(
  { name, type }: HashedColumn,
  columnsThere: ReadonlyMap<string, Column>,
): { fate: Fate; told?: string } {
  const there = columnsThere.get(name);
  if (there === undefined) return { fate: 'other', told: `column ${name} is no longer there` };
  const now = toHashedColumn(there).type;
  if (now === type) return { fate: 'same' };
  const told = `column ${name} was ${type} and is ${now}`;
  const [was, is] = [parseType(type), parseType(now)];
  const isOneForm = was.isArray === is.isArray && (was.base === is.base || (isText(was) && isText(is)));
  if (!isOneForm) return { fate: 'other', told };
  return { fate: isRewritten(type, now) ? 'rewritten' : 'widened', told };
}

/** PostgreSQL leaves the stored values alone only where the new type takes all of them as they are. */
function isRewritten(was: string, now: string): boolean {
  const move = convert(was, now);
  if (move.by !== 'binary' || move.rounds !== undefined || move.refuses !== undefined) return true;
  const [before, after] = [parseType(was), parseType(now)];
  return after.base === 'numeric' && after.modifiers.length > 0 && after.modifiers[1] !== before.modifiers[1];
}
