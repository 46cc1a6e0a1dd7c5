import type { ChangedRow, NamedRow } from '../../../src/model/operations.js';
import { relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { plain } from '../../../src/postgres/statement.js';
import type { Changes } from '../compare/find-changes.js';
import { CHANGES, DIFFERENCES } from '../compare/tables.js';
import { keyHash } from '../plan/hashes.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { describe } from '../plan/row-terms.js';

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

/** A change as the server tells it. */
interface TakenRow {
  readonly kind: ToldChange['kind'];
  readonly key: string;
  readonly name: string | null;
  readonly fields: string | null;
  readonly was: string | null;
  readonly becomes: string | null;
  readonly is_local_edit: string;
}

/** Reads the changes that the local table has taken, in the order of the keys, at most {@link MAX_LOGGED_ROWS}; for {@link toTold}. */
export function readTaken(here: Session): Promise<readonly TakenRow[]> {
  return run<TakenRow>(
    here,
    plain(`
      select c.kind, c.key, c.name, case when c.fields <> '{}' then array_to_json(c.fields)::text end as fields,
        ${shorten('c.was')} as was, ${shorten('c.becomes')} as becomes, c.is_local_edit::text as is_local_edit
      from ${CHANGES} as c
      join ${DIFFERENCES} as d on d.key_hash = c.key_hash and d.is_done
      order by case c.kind when 'new' then 1 when 'changed' then 2 else 3 end, c.place
      limit ${MAX_LOGGED_ROWS}`),
  );
}

/** The same for people; of thousands of rows this takes a while, in which the server can do something else. */
export function toTold(rows: readonly TakenRow[]): readonly ToldChange[] {
  return rows.map((row) => ({
    kind: row.kind,
    key: JSON.parse(row.key) as string[],
    name: row.name,
    changedFields: JSON.parse(row.fields ?? '[]') as string[],
    was: readValues(row.was),
    became: readValues(row.becomes),
    isLocalEdit: row.is_local_edit === 'true',
  }));
}

/** Thousands of rows with values of some megabytes would not fit into memory. */
function shorten(values: string): string {
  const cut = `(select json_object_agg(v.key, case when length(v.value) <= ${MAX_VALUE_LENGTH} then v.value else left(v.value, ${MAX_VALUE_LENGTH - 3}) || '...' end) from json_each_text(${values}::json) as v)`;
  return `case when length(${values}) > ${MAX_VALUE_LENGTH} then ${cut}::text else ${values} end`;
}

function readValues(json: string | null): ToldChange['was'] {
  return JSON.parse(json ?? '{}') as ToldChange['was'];
}

/** Rows that have gone from the remote since the last download, where no column can say so: they are kept, and told once. */
export async function readKept(
  here: Session,
  plan: DownloadPlan,
  { takenAway }: Changes,
): Promise<readonly NamedRow[]> {
  if (plan.absence.rule !== 'keep' || takenAway === 0) return []; // the rows themselves would be read for nothing
  const rows = await run<{ key: string; name: string | null }>(
    here,
    plain(`
      select ${describe(plan, 'l')}
      from ${relation(plan.table)} as l
      join ${DIFFERENCES} as d on d.is_gone and d.key_hash = ${keyHash(plan, 'local', 'l')}
      where d.state is distinct from 'gone'
      order by 1
      limit ${MAX_LOGGED_ROWS}`),
  );
  return rows.map(({ key, name }) => ({ key: JSON.parse(key) as string[], name }));
}
