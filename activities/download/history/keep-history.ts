import { toTableName } from '../../../src/model/table.js';
import { ident } from '../../../src/postgres/identifier.js';
import { run, runAll, type Session } from '../../../src/postgres/session.js';
import { CHANGES } from '../compare/changes.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { toJson } from '../compare/row-terms.js';
import { DONE, hashNames, STAGED } from '../compare/staging.js';

/** More new rows than these are a table that is filled: they are counted, and not listed. */
export const MAX_LISTED_NEW_ROWS = 10_000;
/** How long applied changes are kept where no setting says so. */
export const DEFAULT_HISTORY_DAYS = 90;
/** A download clears at least so many old rows, if there are so many. */
const MIN_CLEARED_ROWS = 10_000;

/** What a download has done, and who has ordered it. */
export interface AppliedRun {
  readonly siteId: string;
  readonly inserted: number;
  readonly updated: number;
  readonly gone: number;
  /** The workflow's run and its cycle; null: not known. */
  readonly workflowRun: string | null;
  readonly cycle: number | null;
  /** The hold whose approval it needed; null: none. */
  readonly holdId: string | null;
  readonly historyDays: number;
}

/** Keeps an applied change set, in the transaction that applies it, and clears some of what is too old. */
export async function keepHistory(here: Session, plan: DownloadPlan, applied: AppliedRun): Promise<void> {
  const { siteId, inserted, updated, gone } = applied;
  const isListed = inserted <= MAX_LISTED_NEW_ROWS;
  const [entry] = await run<{ id: string }>(here, {
    text: `
      insert into meter_sync.download_run
        (site, table_name, workflow_run, cycle, new_rows, changed_rows, gone_rows, listed_rows, hold_id)
      values ($1, $2, $3, $4, $5, $6, $7, 0, $8)
      returning id::text`,
    values: [
      siteId,
      toTableName(plan.table),
      applied.workflowRun,
      applied.cycle,
      inserted,
      updated,
      gone,
      applied.holdId,
    ],
  });
  if (entry === undefined) throw new Error('an insert that returns no row');
  if (updated + gone + (isListed ? inserted : 0) > 0) await runAll(here, [listChanges(plan, entry.id, isListed)]);
  await runAll(here, clearOld(applied.historyDays, MIN_CLEARED_ROWS + 2 * (inserted + updated + gone)));
}

function listChanges(plan: DownloadPlan, id: string, withNew: boolean): string {
  const { key } = hashNames(plan);
  const kind = `case when c.is_local_edit then 'set back' else c.kind end`;
  const shown = plan.written.filter((name) => plan.secret?.includes(name) !== true);
  const became = toJson(shown.map((name) => [name, `s.${ident(name)}::text`]));
  const newRows = `
    union all
    select c.place, ${kind}, c.key, c.name, c.fields, null, ${became}
    from ${CHANGES} as c join ${STAGED} as s on s.${ident(key)} = c.key_hash
    where c.kind = 'new' and exists (select from ${DONE} as d where d.key_hash = c.key_hash)`;
  return `
    with listed as (
      insert into meter_sync.download_change (run_id, place, kind, key, name, fields, was, became)
      select ${id}, a.place, a.kind, a.key::jsonb, a.name, a.fields, a.was, a.became
      from (
        select c.place, ${kind}, c.key, c.name, c.fields, c.was, c.becomes
        from ${CHANGES} as c
        where c.kind <> 'new' and exists (select from ${DONE} as d where d.key_hash = c.key_hash)
        ${withNew ? newRows : ''}
      ) as a(place, kind, key, name, fields, was, became)
      returning 1
    )
    update meter_sync.download_run set listed_rows = (select count(*) from listed) where id = ${id}`;
}

/** In bounded steps: what is left is cleared by the next downloads. A run goes when none of its rows is left. */
function clearOld(days: number, rows: number): string[] {
  const isOld = (alias: string, column: string): string =>
    `${alias}.${column} < clock_timestamp() - interval '1 day' * ${days}`;
  return [
    `delete from meter_sync.download_change as c
     using (
       select o.run_id, o.place
       from meter_sync.download_run as r
       join meter_sync.download_change as o on o.run_id = r.id
       where ${isOld('r', 'applied_at')}
       limit ${rows}
     ) as o
     where c.run_id = o.run_id and c.place = o.place`,
    `delete from meter_sync.download_run as r
     where ${isOld('r', 'applied_at')} and not exists (select from meter_sync.download_change as c where c.run_id = r.id)`,
    `delete from meter_sync.download_hold as h where ${isOld('h', 'ended_at')}`,
  ];
}
