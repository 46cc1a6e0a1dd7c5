import { ident, literal, relation } from '../../../src/postgres/identifier.js';
import { commonForm } from './common-form.js';
import type { DownloadPlan } from '../plan/plan-download.js';

/** True for staged rows (`s`) whose key is not here. A row that is here under another tenant is here: its key is taken. */
export function isNew(plan: DownloadPlan): string {
  return `not exists (select from ${relation(plan.table)} as p where ${sameKey(plan, 's', 'p')})`;
}

/** True where two rows have one key. */
export function sameKey({ key }: DownloadPlan, one: string, other: string): string {
  return key.map((name) => `${one}.${ident(name)} = ${other}.${ident(name)}`).join(' and ');
}

/**
 * Staged (`s`) and local (`l`) values compared by their bytes: `=` takes -0 for 0 and 24 hours for a day, and json has
 * none. Where the types of the two ends differ, it is their common form that counts: 1.5 may be 1.50 here.
 */
export function isSame(plan: DownloadPlan, columns: readonly string[]): string {
  const row = (alias: string): string =>
    `row(${columns.map((name) => commonForm(plan, 'local', name, alias, false).value).join(', ')})`;
  return `pg_catalog.record_image_eq(${row('s')}, ${row('l')})`;
}

/** Key, a JSON array of texts, and name of a row, as SQL. */
export function describe({ key, name }: DownloadPlan, alias: string): string {
  const texts = key.map((column) => `${alias}.${ident(column)}::text`).join(', ');
  const shown = name === null ? 'null' : `${alias}.${ident(name)}::text`;
  return `array_to_json(array[${texts}])::text as key, ${shown} as name`;
}

/** Names and values, which are texts or null, as one `jsonb` object, as SQL; null where there are none. */
export function toJson(values: readonly (readonly [name: string, value: string])[]): string {
  if (values.length === 0) return 'null::jsonb';
  const names = values.map(([name]) => literal(name)).join(', ');
  return `jsonb_object(array[${names}], array[${values.map(([, value]) => value).join(', ')}])`;
}
