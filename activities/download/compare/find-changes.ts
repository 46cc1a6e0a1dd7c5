import { ident, idents, literal, relation } from '../../../src/postgres/identifier.js';
import { run, runAll, type Session } from '../../../src/postgres/session.js';
import { CHANGES } from './changes.js';
import { type DownloadPlan, freeName } from '../plan/plan-download.js';
import { keyHash } from './hashes.js';
import { describe, isNew, isSame, sameKey, toJson } from './row-terms.js';
import { GONE, hashNames, isOwned, LOCAL_ROWS, REMEMBERED, REMOTE_ROWS, STAGED } from './staging.js';

/** What was staged, and whether the new ones among it are written down one by one. */
export interface StagedRows {
  readonly rows: number;
  readonly areNewListed: boolean;
}

/** Works the change set out from what was staged and listed. */
export async function findChanges(here: Session, plan: DownloadPlan, staged: StagedRows): Promise<void> {
  const isAnyGone = await findGone(here, plan, staged.rows > 0);
  const columns = staged.rows === 0 ? [] : await findColumns(here, plan);
  await runAll(here, [
    ...(columns.length === 0 ? [] : [insertChangedRows(plan, columns)]),
    ...(staged.rows === 0 ? [] : insertNewRows(plan, staged.areNewListed)),
    ...(isAnyGone ? insertGoneRows(plan) : []), // it would read the whole table
    `analyze ${CHANGES}`,
  ]);
}

/** Notes the rows that the remote once had; one that could not be taken away is left until it changes. */
async function findGone(here: Session, plan: DownloadPlan, isAnyStaged: boolean): Promise<boolean> {
  const [, first] = (await runAll(here, [
    `create temporary table meter_sync_gone on commit drop as
     select m.key_hash, m.state
     from ${REMEMBERED} as m
     join ${LOCAL_ROWS} as l on l.key_hash = m.key_hash
     where m.is_brought
       and not (m.state is not distinct from 'refused' and m.remote_hash is null and m.local_hash is not distinct from l.row_hash)
       and not exists (select from ${REMOTE_ROWS} as r where r.key_hash = m.key_hash)`,
    COUNT_GONE,
  ])) as [unknown, CountRow[]];
  if (first[0]?.rows === '0' || !isAnyStaged) return first[0]?.rows !== '0';
  const [, second] = (await runAll(here, [leaveRespelt(plan), COUNT_GONE])) as [unknown, CountRow[]];
  return second[0]?.rows !== '0';
}

interface CountRow {
  readonly rows: string;
}

const COUNT_GONE = `select count(*)::text as rows from ${GONE}`;

/** A key that has become another one by its bytes, and is the same to the table's `=` (citext, -0): its row is there, and is updated. */
function leaveRespelt(plan: DownloadPlan): string {
  return `
    delete from ${GONE} as g
    using ${relation(plan.table)} as l
    join ${STAGED} as s on ${sameKey(plan, 's', 'l')}
    where g.key_hash = ${keyHash(plan, 'local', 'l')}`;
}

const INSERT = `insert into ${CHANGES} (key_hash, kind, key, name, fields, was, becomes, is_local_edit)`;

function insertNewRows(plan: DownloadPlan, areNewListed: boolean): string[] {
  if (!areNewListed) return [];
  return [
    `${INSERT}
    select s.${ident(hashNames(plan).key)}, 'new', ${describe(plan, 's')}, '{}', null, null, ${isLocalEdit(plan)}
    from ${STAGED} as s
    ${withMemory(plan)}
    where ${isNew(plan)}
    order by ${idents(plan.key, 's')}`,
  ];
}

/**
 * Columns that differ in any row at all. To show these alone makes large changes faster: of a million rows with 2 of 20
 * columns changed the set was known after 14 s instead of 35 s (2026-11-23).
 */
async function findColumns(here: Session, plan: DownloadPlan): Promise<readonly string[]> {
  const names = [...plan.key.filter((name) => plan.columns.local.get(name)?.isIdentity === false), ...plan.compared];
  if (names.length === 0) return [];
  const differs = names.map((name, at) => `bool_or(not ${isSame(plan, [name])})::text as c${at}`);
  const [row] = await run<Record<string, string | null>>(here, {
    text: `
      select ${differs.join(', ')}
      from ${STAGED} as s
      join ${relation(plan.table)} as l on ${sameKey(plan, 's', 'l')}`,
    values: [],
  });
  return names.filter((_, at) => row?.[`c${at}`] === 'true');
}

function insertChangedRows(plan: DownloadPlan, columns: readonly string[]): string {
  const f = freeName(plan, 'f');
  const values = columns.map(
    (name) =>
      `(${literal(name)}, l.${ident(name)}::text, s.${ident(name)}::text, ${isSame(plan, [name])}, ${String(plan.secret?.includes(name) === true)})`,
  );
  return `
    ${INSERT}
    select s.${ident(hashNames(plan).key)}, 'changed', ${describe(plan, 's')}, ${f}.fields, ${f}.was, ${f}.becomes, ${isLocalEdit(plan)}
    from ${STAGED} as s
    join ${relation(plan.table)} as l on ${sameKey(plan, 's', 'l')}
    ${withMemory(plan)}
    cross join lateral (
      select array_agg(v.name) as fields, jsonb_object_agg(v.name, v.was) filter (where not v.is_secret) as was,
        jsonb_object_agg(v.name, v.becomes) filter (where not v.is_secret) as becomes
      from (values ${values.join(', ')}) as v(name, was, becomes, is_same, is_secret)
      where not v.is_same
    ) as ${f}
    where not ${isSame(plan, columns)}
    order by ${idents(plan.key, 's')}`;
}

function insertGoneRows(plan: DownloadPlan): string[] {
  const { absence } = plan;
  if (absence.rule === 'keep') return [];
  const column = absence.rule === 'deactivate' ? `l.${ident(absence.column)}` : null;
  const isShown = absence.rule === 'deactivate' && plan.secret?.includes(absence.column) !== true;
  const mark = (value: string): string =>
    isShown && absence.rule === 'deactivate' ? toJson([[absence.column, value]]) : 'null';
  const was = absence.rule === 'delete' ? wholeRow(plan) : mark(`${column}::text`);
  const becomes = absence.rule === 'deactivate' ? mark(literal(absence.value)) : 'null';
  return [
    `${INSERT}
    select g.key_hash, 'gone', ${describe(plan, 'l')}, '{}', ${was}, ${becomes}, g.state is not distinct from 'gone'
    from ${relation(plan.table)} as l
    join ${GONE} as g on g.key_hash = ${keyHash(plan, 'local', 'l')}
    where ${isOwned(plan.filter, 'l')}${column === null ? '' : ` and ${column} is distinct from ${literal(absence.rule === 'deactivate' ? absence.value : '')}`}
    order by ${idents(plan.key, 'l')}`,
  ];
}

/** What is deleted is nowhere else: the history keeps all of it, columns that only the site has among them. */
function wholeRow({ columns, secret }: DownloadPlan): string {
  const shown = [...columns.local.keys()].filter((name) => secret?.includes(name) !== true);
  return toJson(shown.map((name) => [name, `l.${ident(name)}::text`]));
}

/** The remote has what it had, the site was as the remote, and is not so now. */
function isLocalEdit(plan: DownloadPlan): string {
  return `(m.is_brought and m.state is null and m.remote_hash = s.${ident(hashNames(plan).row)}) is true`;
}

function withMemory(plan: DownloadPlan): string {
  return `left join ${REMEMBERED} as m on m.key_hash = s.${ident(hashNames(plan).key)}`;
}
