import { createHash } from 'node:crypto';
import { isText } from '../../../src/model/conversion.js';
import type { Side } from '../../../src/model/failures.js';
import { hasOwnHash } from '../../../src/model/hashed-column.js';
import { parseType } from '../../../src/model/type-name.js';
import { ident, literal } from '../../../src/postgres/identifier.js';
import { exactForm, hashRow } from '../../../src/postgres/row-hash.js';
import { isOwned } from './owned-rows.js';
import type { DownloadPlan } from './plan-download.js';

/*
 * A record's hash came with PostgreSQL 14: of 10,000 rows of 20 columns the sum took 12 ms with it, and 23 ms with the hash
 * of the row's text, which is the way where an end is older or not in UTF-8 (2026-11-23). md5 would take twice as long, and
 * a server in FIPS mode lacks it. `hashtextextended` carries hash partitioning too, from PostgreSQL 11 on. Finding accidents
 * and plain edits, 64 bits are enough: of a million changed rows one is overlooked in 18 million such downloads.
 */

/** The hash of a row's key as SQL, the same at both ends; null where a part of the key is null. */
export function keyHash(plan: DownloadPlan, side: Side, alias: string): string {
  const parts = plan.key.map((name) => `(${commonForm(plan, side, name, alias, true).value})::text`);
  const [first = `''`] = parts;
  if (parts.length === 1) return hashText(plan, side, first);
  return hashText(plan, side, parts.map((part) => `length(${part}) || ':' || ${part}`).join(` || '|' || `));
}

/** The hash of all that a download compares of a row, its key included, as SQL. */
export function rowHash(plan: DownloadPlan, side: Side, alias: string): string {
  const key = plan.key.map((name) => commonForm(plan, side, name, alias, true));
  const others = plan.compared.map((name) =>
    side === 'local' || plan.carried.includes(name) ? commonForm(plan, side, name, alias, false) : given(plan, name),
  );
  const forms = [...key, ...others];
  return plan.hashesRecords
    ? hashRow(forms.map(toHashed))
    : hashText(plan, side, `row(${forms.map(({ value }) => value).join(', ')})::text`);
}

/**
 * Sums and hashes made under another signature say nothing of those made under this one. Under another rule for rows that
 * are gone the old ones are looked at again.
 */
export function signatureOf(plan: DownloadPlan): string {
  const parts = (['local', 'remote'] as const).flatMap((side) => [
    keyHash(plan, side, 'r'),
    rowHash(plan, side, 'r'),
    isOwned(plan.filter, 'r'),
    ...plan.carried.map((name) => plan.columns[side].get(name)?.type ?? ''),
  ]);
  return createHash('sha256')
    .update(JSON.stringify([...parts, plan.absence]))
    .digest('hex');
}

/** What a column holds that the remote does not have: see {@link DownloadPlan.written}. */
function given(plan: DownloadPlan, name: string): CommonForm {
  const { absence } = plan;
  if (absence.rule !== 'deactivate' || absence.present === null) return { value: 'null', type: 'text' };
  const own = plan.columns.local.get(name)?.baseType ?? 'text';
  const type = hasOwnHash(own) ? own : 'text';
  return { value: `${literal(absence.present)}::${type}`, type };
}

/** A nondeterministic collation would hash by its own rules. */
function toHashed({ value, type }: CommonForm): string {
  if (hasOwnHash(type)) return exactForm(value, type);
  const parsed = parseType(type);
  return isText(parsed) && !parsed.isArray ? `${value} collate "C"` : `(${value})::text collate "C"`;
}

/** Texts are hashed by their bytes, so in one encoding. What a database without one holds may be no text in any. */
function hashText({ isUtf8, encodings }: DownloadPlan, side: Side, text: string): string {
  const encoding = encodings[side] === 'SQL_ASCII' ? 'SQL_ASCII' : 'UTF8';
  const bytes = isUtf8 ? `(${text})` : `encode(convert_to(${text}, '${encoding}'), 'hex')`;
  return `hashtextextended(${bytes} collate "C", 0)`;
}

/** A value as SQL, and its type, which is the same at both ends. */
interface CommonForm {
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
