import type { Side } from '../../../src/model/failures.js';
import { isText } from '../../../src/model/conversion.js';
import { parseType } from '../../../src/model/type-name.js';
import { ident } from '../../../src/postgres/identifier.js';
import type { DownloadPlan } from '../plan/plan-download.js';

/** A value as SQL, and its type, which is the same at both ends. */
export interface CommonForm {
  readonly value: string;
  readonly type: string;
}

const NUMBERS = new Set(['smallint', 'integer', 'bigint', 'numeric']);
const JSONS = new Set(['json', 'jsonb']);
const INSTANTS = new Set(['timestamp with time zone', 'timestamp without time zone']);

/**
 * A value in a form that is the same at both ends, although the column's types may differ: so that equal rows are seen as
 * equal before one of them has moved. Where no such form is known a row moves once, and is remembered.
 *
 * Nothing here may fail for a single value: the error of a fingerprint would stop the table.
 */
export function commonForm(plan: DownloadPlan, side: Side, name: string, alias: string, isKey: boolean): CommonForm {
  const value = `${alias}.${ident(name)}`;
  const { own, other } = typesOf(plan, side, name);
  const [a, b] = [parseType(own), parseType(other)];
  const are = (family: ReadonlySet<string>): boolean =>
    !a.isArray && !b.isArray && family.has(a.base) && family.has(b.base);
  const isNumberOfAKey = isKey && are(NUMBERS) && a.base === 'numeric'; // 1.0 is the key that 1 is
  if (own === other && !isNumberOfAKey) return { value, type: own };
  if (are(NUMBERS)) {
    return a.base === 'numeric' || b.base === 'numeric'
      ? { value: `trim_scale(${value}::numeric)`, type: 'numeric' }
      : { value: `${value}::bigint`, type: 'bigint' };
  }
  if ([a, b].every((type) => isText(type) && !type.isArray)) return { value, type: 'text' };
  if (are(JSONS)) return { value: a.base === 'jsonb' ? `${value}::text` : asJsonb(value), type: 'text' };
  if (are(INSTANTS)) {
    const isLocal = a.base === 'timestamp without time zone';
    return { value: isLocal ? value : `(${value} at time zone 'UTC')`, type: 'timestamp without time zone' };
  }
  if (isKey && (a.base === 'character' || b.base === 'character'))
    return { value: `rtrim(${value}::text, ' ')`, type: 'text' };
  if (isKey && (a.base === 'uuid' || b.base === 'uuid')) return { value: `lower(${value}::text)`, type: 'text' };
  return { value: `${value}::text`, type: 'text' };
}

/** A column that is not carried has one type: the site's. */
function typesOf({ columns, carried }: DownloadPlan, side: Side, name: string): { own: string; other: string } {
  const other = side === 'local' ? 'remote' : 'local';
  const local = columns.local.get(name)?.baseType ?? 'text';
  if (!carried.includes(name)) return { own: local, other: local };
  const own = columns[side].get(name)?.baseType ?? 'text';
  return { own, other: columns[other].get(name)?.baseType ?? own };
}

/** What `jsonb` would refuse is left as it is: a zero character, half of a surrogate pair, and numbers beyond all bounds. */
function asJsonb(value: string): string {
  const refused = String.raw`E'\\\\u0000|\\\\u[dD][89a-fA-F]|(^|[\\[:,\\s])-?\\d+(\\.\\d+)?[eE][+-]?\\d{3}|\\d{255}'`; // whatever standard_conforming_strings says
  return `case when ${value}::text ~ ${refused} then ${value}::text else ${value}::jsonb::text end`;
}
