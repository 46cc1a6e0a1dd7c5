import type { Column } from './table.js';
import { parseType } from './type-name.js';

/** A column as the hash of a row takes it: its name, and the SQL type it is cast to beforehand. */
export interface HashedColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * Types whose own hash means the same on every server. Others are hashed as text: an enum's hash is of its object id,
 * `character` forgets its blanks, and some types have no hash.
 */
const NATIVE_TYPES = new Set([
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
]);

/** How a column of the remote is hashed, at both ends: a local value is cast to the remote's type first. */
export function toHashedColumn({ name, baseType }: Pick<Column, 'name' | 'baseType'>): HashedColumn {
  return { name, type: hasOwnHash(baseType) ? baseType : 'text' };
}

/** True for a type that is not hashed as text. */
export function hasOwnHash(type: string): boolean {
  const { base, isArray } = parseType(type);
  return !isArray && NATIVE_TYPES.has(base);
}
