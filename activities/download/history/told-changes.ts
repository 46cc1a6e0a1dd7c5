import { type ChangedRow, MAX_NAME_LENGTH, MAX_NAMED_FIELDS, type NamedRow } from '../../../src/model/operations.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { CHANGES } from '../compare/changes.js';
import { DONE } from '../compare/staging.js';

/** So many changes of a download are logged one by one; of the others the number is. */
export const MAX_LOGGED_ROWS = 10_000;
/** So many characters of an old or a new value are logged. */
const MAX_VALUE_LENGTH = 500;

/** A change that was made, for people. */
export interface ToldChange extends ChangedRow {
  readonly kind: 'new' | 'changed' | 'gone';
  /** Old and new values of the changed fields as text, those of secret columns left out. */
  readonly was: Readonly<Record<string, string | null>>;
  readonly became: Readonly<Record<string, string | null>>;
  /** True when the site had changed the row, and the remote had not. */
  readonly isLocalEdit: boolean;
}

interface ToldRow {
  readonly kind: ToldChange['kind'];
  readonly key: string;
  readonly name: string | null;
  readonly fields: string;
  readonly was: string | null;
  readonly becomes: string | null;
  readonly is_local_edit: string;
}

/** The changes that the local table has taken, in the order of the keys, at most {@link MAX_LOGGED_ROWS}. */
export async function readTold(here: Session): Promise<readonly ToldChange[]> {
  const rows = await run<ToldRow>(here, {
    text: `
      select c.kind, c.key, c.name, array_to_json(c.fields)::text as fields, ${shorten('c.was')} as was, ${shorten('c.becomes')} as becomes,
        c.is_local_edit::text as is_local_edit
      from ${CHANGES} as c
      where exists (select from ${DONE} as d where d.key_hash = c.key_hash)
      order by case c.kind when 'new' then 1 when 'changed' then 2 else 3 end, c.place
      limit ${MAX_LOGGED_ROWS}`,
    values: [],
  });
  return rows.map((row) => ({
    kind: row.kind,
    key: JSON.parse(row.key) as string[],
    name: row.name,
    changedFields: JSON.parse(row.fields) as string[],
    was: readValues(row.was),
    became: readValues(row.becomes),
    isLocalEdit: row.is_local_edit === 'true',
  }));
}

/** Thousands of rows with values of some megabytes would not fit into memory. */
function shorten(values: string): string {
  const short = `(select jsonb_object_agg(v.key, left(v.value, ${MAX_VALUE_LENGTH + 1})) from jsonb_each_text(${values}) as v)`;
  return `(case when pg_column_size(${values}) > ${MAX_VALUE_LENGTH} then ${short} else ${values} end)::text`;
}

/** A result crosses the wire and is carried by the workflow: it must stay small, whatever a table holds. */
export function toShortChange({ key, name, changedFields }: ChangedRow): ChangedRow {
  return { ...toShortRow({ key, name }), changedFields: changedFields.slice(0, MAX_NAMED_FIELDS) };
}

/** The same for a row without fields. */
export function toShortRow({ key, name }: NamedRow): NamedRow {
  return {
    key: key.map((part) => cut(part, MAX_NAME_LENGTH)),
    name: name === null ? null : cut(name, MAX_NAME_LENGTH),
  };
}

function readValues(json: string | null): ToldChange['was'] {
  const values = JSON.parse(json ?? '{}') as Record<string, string | null>;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value === null ? null : cut(value, MAX_VALUE_LENGTH)]),
  );
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}
