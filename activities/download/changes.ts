import type { ForeignKey } from '../../src/postgres/foreign-keys.js';
import { ident, idents, literal, relation } from '../../src/postgres/identifier.js';
import type { Statement } from '../../src/postgres/statement.js';
import type { DownloadPlan } from './plan-download.js';
import { REFUSED_KEYS, STAGED, isOwned } from './staging.js';

/** Places of staged rows (`ctid`), where a statement is for some of them only; null: for all. */
export type Places = readonly string[] | null;

/** What a change answers for each row: its key (a JSON array of texts), its name, and the changed fields (a JSON array). */
export interface ChangeRow {
  readonly key: string;
  readonly name: string | null;
  readonly fields: string;
}

/** Inserts staged rows whose key is not here. A row that is here under another tenant is here: its key is taken. */
export function insertNew(plan: DownloadPlan, places: Places): Statement {
  const { table, written } = plan;
  return {
    text: `
      insert into ${relation(table)} as l (${idents(written)})
      overriding system value
      select ${idents(written, 's')}
      from ${STAGED} as s
      where ${isNew(plan)}${andPlaced(places)}
      order by ${idents(plan.key, 's')}
      returning ${describe(plan, 'l')}, '[]' as fields`,
    values: toValues(places),
  };
}

/** Updates rows that differ, in one statement with the comparison, so that no change of theirs comes in between. */
export function updateChanged(plan: DownloadPlan, places: Places): Statement {
  const { table, compared } = plan;
  const fields = compared.map((name) => `case when not ${isSame([name])} then ${literal(name)}::text end`);
  const target = relation(table);
  return {
    text: `
      update ${target} as t
      set ${compared.map((name) => `${ident(name)} = d.${ident(name)}`).join(', ')}
      from (
        select s.*, array_to_json(array_remove(array[${fields.join(', ')}], null))::text as ${ident(fieldsAlias(plan))}
        from ${STAGED} as s
        join ${target} as l on ${sameKey(plan, 's', 'l')}
        where not ${isSame(compared)}${andPlaced(places)}
      ) as d
      where ${sameKey(plan, 'd', 't')}
      returning ${describe(plan, 't')}, d.${ident(fieldsAlias(plan))} as fields`,
    values: toValues(places),
  };
}

/** Places of staged rows that are still to be inserted. */
export function selectNewPlaces(plan: DownloadPlan): Statement {
  return {
    text: `select s.ctid::text as place from ${STAGED} as s where ${isNew(plan)} order by ${idents(plan.key, 's')}`,
    values: [],
  };
}

/** Places of staged rows that differ from the local ones and are still to be updated. */
export function selectChangedPlaces(plan: DownloadPlan): Statement {
  return {
    text: `
      select s.ctid::text as place
      from ${STAGED} as s
      join ${relation(plan.table)} as l on ${sameKey(plan, 's', 'l')}
      where not ${isSame(plan.compared)}
      order by ${idents(plan.key, 's')}`,
    values: [],
  };
}

/** Key and name of staged rows, for the log of those that were refused. */
export function selectStaged(plan: DownloadPlan, places: readonly string[]): Statement {
  return {
    text: `select s.ctid::text as place, ${describe(plan, 's')} from ${STAGED} as s where true${andPlaced(places)}`,
    values: toValues(places),
  };
}

/** Takes rows out of the staging whose parent is missing. Their keys are noted: the remote has these rows. */
export function setOrphansAside(plan: DownloadPlan, foreignKey: ForeignKey): Statement {
  const { columns, parent, parentColumns, isOwnParent } = foreignKey;
  const isParent = columns.map((name, at) => `p.${ident(parentColumns[at] ?? name)} = s.${ident(name)}`).join(' and ');
  const parents =
    isOwnParent && parentColumns.every((name) => plan.written.includes(name)) ? [parent, STAGED] : [parent];
  return {
    text: `
      with aside as (
        delete from ${STAGED} as s
        where ${columns.map((name) => `s.${ident(name)} is not null`).join(' and ')}
          and ${parents.map((from) => `not exists (select from ${from} as p where ${isParent})`).join(' and ')}
        returning s.*
      ), noted as (
        insert into ${REFUSED_KEYS} (${idents(plan.key)})
        select ${idents(plan.key)} from aside
      )
      select ${describe(plan, 'a')}, '[]' as fields
      from aside as a
      order by ${idents(plan.key, 'a')}`,
    values: [],
  };
}

/** Switches rows off that the remote no longer has. */
export function deactivateGone(plan: DownloadPlan, activity: string): Statement {
  return {
    text: `
      update ${relation(plan.table)} as l
      set ${ident(activity)} = false
      where l.${ident(activity)} is distinct from false
        and ${isGone(plan)}
      returning ${describe(plan, 'l')}, '[]' as fields`,
    values: [],
  };
}

/** How many rows the remote no longer has that nothing here can say so of. */
export function countGone(plan: DownloadPlan): Statement {
  return { text: `select count(*)::text as rows from ${relation(plan.table)} as l where ${isGone(plan)}`, values: [] };
}

/** How many rows an empty remote table would take away. */
export function countInUse({ table, filter, activity }: DownloadPlan): Statement {
  const inUse = activity === null ? '' : ` and l.${ident(activity)} is distinct from false`;
  return {
    text: `select count(*)::text as rows from ${relation(table)} as l where ${isOwned(filter, 'l')}${inUse}`,
    values: [],
  };
}

function isNew(plan: DownloadPlan): string {
  return `not exists (select from ${relation(plan.table)} as p where ${sameKey(plan, 's', 'p')})`;
}

function isGone(plan: DownloadPlan): string {
  return [
    isOwned(plan.filter, 'l'),
    `not exists (select from ${STAGED} as s where ${sameKey(plan, 's', 'l')})`,
    `not exists (select from ${REFUSED_KEYS} as k where ${sameKey(plan, 'k', 'l')})`,
  ].join('\n        and ');
}

function sameKey({ key }: DownloadPlan, one: string, other: string): string {
  return key.map((name) => `${one}.${ident(name)} = ${other}.${ident(name)}`).join(' and ');
}

/**
 * Staged (`s`) and local (`l`) values compared by their bytes: `=` takes -0 for 0, 1.0 for 1.00 and 24 hours for a day,
 * and json has none. Both are of one type on one server, and an update stores the staged bytes: it never comes twice.
 */
function isSame(columns: readonly string[]): string {
  return `pg_catalog.record_image_eq(row(${idents(columns, 's')}), row(${idents(columns, 'l')}))`;
}

function describe({ key, name }: DownloadPlan, alias: string): string {
  const texts = key.map((column) => `${alias}.${ident(column)}::text`).join(', ');
  const shown = name === null ? 'null' : `${alias}.${ident(name)}::text`;
  return `array_to_json(array[${texts}])::text as key, ${shown} as name`;
}

/** A name that no column of the table has. */
function fieldsAlias({ written }: DownloadPlan): string {
  let alias = 'changed_fields';
  while (written.includes(alias)) alias += '_';
  return alias;
}

function andPlaced(places: Places): string {
  return places === null ? '' : ' and s.ctid = any($1::tid[])';
}

function toValues(places: Places): readonly unknown[] {
  return places === null ? [] : [places];
}
