import type { Side } from '../../src/model/failures.js';
import { parseType } from '../../src/model/type-name.js';
import { ident } from '../../src/postgres/identifier.js';
import type { DownloadPlan } from './plan-download.js';

const NUMBERS = new Set(['smallint', 'integer', 'bigint', 'numeric']);
const JSONS = new Set(['json', 'jsonb']);
const INSTANTS = new Set(['timestamp with time zone', 'timestamp without time zone']);

/**
 * A value as SQL whose text is the same at both ends, although the column's types may differ: so that equal rows are seen
 * as equal before one of them has moved. Where no such form is known a row moves once, and is remembered.
 *
 * Nothing here may fail for a single value: the error of a fingerprint would stop the table.
 */
export function commonForm(plan: DownloadPlan, side: Side, name: string, alias: string, isKey: boolean): string {
  const value = `${alias}.${ident(name)}`;
  const own = plan.columns[side].get(name)?.baseType ?? 'text';
  const other = plan.columns[side === 'local' ? 'remote' : 'local'].get(name)?.baseType ?? own;
  const [a, b] = [parseType(own), parseType(other)];
  if (a.isArray || b.isArray) return value;
  if (NUMBERS.has(a.base) && NUMBERS.has(b.base)) {
    const isExact = own === other && (!isKey || a.base !== 'numeric');
    return isExact || (a.base !== 'numeric' && b.base !== 'numeric') ? value : `trim_scale(${value}::numeric)`;
  }
  if (own === other) return value;
  if (JSONS.has(a.base) && JSONS.has(b.base)) return a.base === 'jsonb' ? value : asJsonb(value);
  if (INSTANTS.has(a.base) && INSTANTS.has(b.base)) {
    return a.base === 'timestamp with time zone' ? `(${value} at time zone 'UTC')` : value;
  }
  if (isKey && (a.base === 'character' || b.base === 'character')) return `rtrim(${value}::text, ' ')`;
  if (isKey && (a.base === 'uuid' || b.base === 'uuid')) return `lower(${value}::text)`;
  return a.base === 'boolean' ? `${value}::text` : value;
}

/** What `jsonb` would refuse is left as it is: a zero character, and numbers beyond all bounds. */
function asJsonb(value: string): string {
  return String.raw`case when ${value}::text ~ '\\u0000|\d[eE]|\d{255}' then ${value}::text else ${value}::jsonb::text end`;
}
