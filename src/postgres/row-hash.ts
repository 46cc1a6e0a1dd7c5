import { parseType } from '../model/type-name.js';

/** The first version of PostgreSQL, as `server_version_num` has it, with a hash of whole rows. */
export const HASHES_RECORDS = 140_000;

/**
 * The hash of a row as SQL, the same on every server from PostgreSQL 14 on: these functions carry hash partitioning, which
 * must survive an upgrade. It finds accidents and plain edits; it is no proof against someone who computes collisions.
 *
 * A record's hash alone is a sum over its columns, so values that two rows exchange would leave the sum of both as it was:
 * hence the second hash, of nothing, that takes the first one as its seed.
 * @param values - each in its {@link exactForm}
 */
export function hashRow(values: readonly string[]): string {
  return `hashtextextended('', hash_record_extended(row(${values.join(', ')}), 0))`;
}

/**
 * The bytes of types whose own hash forgets something: that of `numeric` the sign, that of a float the sign of zero, that of
 * `bigint` and of times, which are such numbers inside, half of their bits, and that of `interval` that a day is not 24 hours.
 */
const SENT_BY = new Map([
  ['bigint', 'int8send'],
  ['real', 'float4send'],
  ['double precision', 'float8send'],
  ['numeric', 'numeric_send'],
  ['timestamp with time zone', 'timestamptz_send'],
  ['timestamp without time zone', 'timestamp_send'],
  ['time with time zone', 'timetz_send'],
  ['time without time zone', 'time_send'],
  ['interval', 'interval_send'],
]);

/** A value of this type as SQL of which {@link hashRow} loses nothing. */
export function exactForm(value: string, type: string): string {
  const { base, isArray } = parseType(type);
  const send = isArray ? undefined : SENT_BY.get(base);
  return send === undefined ? value : `${send}(${value})`;
}
