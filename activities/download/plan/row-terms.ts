import { isText } from '../../../src/model/conversion.js';
import { parseType } from '../../../src/model/type-name.js';
import { ident, literal, relation } from '../../../src/postgres/identifier.js';
import { commonForm } from './hashes.js';
import type { DownloadPlan } from './plan-download.js';

/** True for staged rows (`s`) whose key is not here. A row that is here under another tenant is here: its key is taken. */
export function isNew(plan: DownloadPlan): string {
  return `not exists (select from ${relation(plan.table)} as p where ${sameKey(plan, 's', 'p')})`;
}

/** True where two rows have one key. */
export function sameKey({ key }: DownloadPlan, one: string, other: string): string {
  return key.map((name) => `${one}.${ident(name)} = ${other}.${ident(name)}`).join(' and ');
}

/** Types of which equal values are equal bytes, so that their `=` will do. */
const EXACT_TYPES = new Set([
  'smallint',
  'integer',
  'bigint',
  'boolean',
  'uuid',
  'bytea',
  'date',
  'timestamp with time zone',
  'timestamp without time zone',
]);

/** True where the key has one type at both ends, and `=` takes no two of its values for one. */
export function isExactKey({ key, columns }: DownloadPlan): boolean {
  return key.every((name) => {
    const type = columns.local.get(name)?.baseType ?? '';
    return type === columns.remote.get(name)?.baseType && EXACT_TYPES.has(type);
  });
}

/** True where a staged value (`s`) is not that of the local row (`l`); see {@link differ}. */
export function differs(plan: DownloadPlan, name: string): string {
  const { value, type } = commonForm(plan, 'local', name, 's', false);
  const other = commonForm(plan, 'local', name, 'l', false).value;
  if (EXACT_TYPES.has(type)) return `${value} is distinct from ${other}`;
  const types = [type, plan.columns.local.get(name)?.baseType ?? ''].map(parseType);
  if (types.every((one) => isText(one) && !one.isArray)) {
    return `(${value} collate "C") is distinct from (${other} collate "C")`; // four times as fast as a record
  }
  return `not pg_catalog.record_image_eq(row(${value}), row(${other}))`;
}

/**
 * True where any of these values differ, compared by their bytes: `=` takes -0 for 0 and 24 hours for a day, and json has
 * none. Where the types of the two ends differ, it is their common form that counts: 1.5 may be 1.50 here.
 */
export function differ(plan: DownloadPlan, columns: readonly string[]): string {
  return `(${columns.map((name) => differs(plan, name)).join(' or ')})`;
}

/** Key, a JSON array of texts, and name of a row, as SQL. */
export function describe({ key, name }: DownloadPlan, alias: string): string {
  const texts = key.map((column) => `to_json(${alias}.${ident(column)}::text)::text`).join(` || ',' || `);
  const shown = name === null ? 'null' : `${alias}.${ident(name)}::text`;
  return `'[' || ${texts} || ']' as key, ${shown} as name`;
}

/** A value for {@link toJson}: its name, itself as SQL of a text, and when it is shown; absent: always. */
interface ShownValue {
  readonly name: string;
  readonly text: string;
  readonly when?: string;
}

/** Names and values, which are texts or null, as the text of one JSON object, as SQL. Three times as fast as to aggregate them. */
export function toJson(values: readonly ShownValue[]): string {
  if (values.length === 0) return 'null::text';
  const parts = values.map(({ name, text, when }) => {
    const part = `${literal(`${JSON.stringify(name)}:`)} || coalesce(to_json(${text})::text, 'null')`;
    return when === undefined ? part : `case when ${when} then ${part} end`;
  });
  return `'{' || array_to_string(array[${parts.join(', ')}], ',') || '}'`;
}
