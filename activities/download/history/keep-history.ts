import { toTableName } from '../../../src/model/table.js';
import { ident, literal } from '../../../src/postgres/identifier.js';
import { CHANGES, DIFFERENCES, hashNames, STAGED } from '../compare/tables.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { toJson } from '../plan/row-terms.js';

/** More new rows than these are a table that is filled: they are counted, and not listed. */
const MAX_LISTED_NEW_ROWS = { inFirstFill: 1_000, else: 10_000 };
/** A download clears at least so many old rows, if there are so many. */
const MIN_CLEARED_ROWS = 10_000;

/** What a download has done, and who has ordered it. */
interface AppliedRun {
  readonly siteId: string;
  readonly inserted: number;
  readonly updated: number;
  readonly gone: number;
  /** True when the table was empty here, and nothing was remembered of it. */
  readonly isFirstFill: boolean;
  /** The workflow's run and its cycle; null: not known. */
  readonly workflowRun: string | null;
  readonly cycle: number | null;
  /** The hold whose approval it needed; null: none. */
  readonly holdId: string | null;
  readonly historyDays: number;
}

/**
 * Keeps an applied change set, in the transaction that applies it, and clears some of what is too old: in bounded steps, what is
 * left is cleared by the next downloads. A run goes when none of its rows is left.
 */
export function keepHistory(plan: DownloadPlan, applied: AppliedRun): readonly string[] {
  const { siteId, inserted, updated, gone, isFirstFill, workflowRun, cycle, holdId, historyDays } = applied;
  const orNull = (text: string | null): string => (text === null ? 'null' : literal(text));
  const areNewListed = inserted <= MAX_LISTED_NEW_ROWS[isFirstFill ? 'inFirstFill' : 'else'];
  const isOld = (column: string): string => `${column} < clock_timestamp() - interval '1 day' * ${historyDays}`;
  return [
    `with listed as materialized (${selectListed(plan, areNewListed && inserted > 0)}
     ), run as (
       insert into meter_sync.download_run
         (site, table_name, workflow_run, cycle, new_rows, changed_rows, gone_rows, listed_rows, hold_id)
       values (${literal(siteId)}, ${literal(toTableName(plan.table))}, ${orNull(workflowRun)}, ${cycle ?? 'null'}, ${inserted}, ${updated}, ${gone},
         (select count(*) from listed), ${holdId ?? 'null'})
       returning id
     )
     insert into meter_sync.download_change (run_id, place, kind, key, name, fields, was, became)
     select run.id, l.place, l.kind, l.key::jsonb, l.name, l.fields, l.was::json, l.becomes::json
     from run, listed as l`,
    `delete from meter_sync.download_change as c
     using (
       select o.run_id, o.place
       from meter_sync.download_run as r
       join meter_sync.download_change as o on o.run_id = r.id
       where ${isOld('r.applied_at')}
       limit ${MIN_CLEARED_ROWS + 2 * (inserted + updated + gone)}
     ) as o
     where c.run_id = o.run_id and c.place = o.place`,
    `delete from meter_sync.download_run as r
     where ${isOld('r.applied_at')} and not exists (select from meter_sync.download_change as c where c.run_id = r.id)`,
    `delete from meter_sync.download_hold as h where ${isOld('h.ended_at')}`,
  ];
}

/** Of a new row all that came. */
function selectListed(plan: DownloadPlan, withNew: boolean): string {
  const shown = plan.written.filter((name) => plan.secret?.includes(name) !== true);
  const became = toJson(shown.map((name) => ({ name, text: `s.${ident(name)}::text` })));
  const kind = `case when c.is_local_edit then 'set back' else c.kind end as kind`;
  const done = `from ${CHANGES} as c join ${DIFFERENCES} as d on d.key_hash = c.key_hash and d.is_done`;
  const newRows = `
    union all
    select c.place, ${kind}, c.key, c.name, c.fields, null, ${became}
    ${done} join ${STAGED} as s on s.${ident(hashNames(plan).key)} = c.key_hash
    where c.kind = 'new'`;
  return `select c.place, ${kind}, c.key, c.name, c.fields, c.was, c.becomes ${done} where c.kind <> 'new'${withNew ? newRows : ''}`;
}
