import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { run, type Session } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';

/** A download that has changed a table. */
export interface HistoryRun {
  readonly table: string;
  /** ISO 8601 UTC. */
  readonly appliedAt: string;
  /** The workflow's run and its cycle; null: not known. */
  readonly workflowRun: string | null;
  readonly cycle: number | null;
  readonly newRows: number;
  readonly changedRows: number;
  readonly goneRows: number;
  /** Rows of it that are kept one by one; the new rows of a large fill are not. */
  readonly listedRows: number;
  /** Who approved it, where it had been held; null: it never was. */
  readonly approvedBy: string | null;
}

/** A row that a download has changed. */
export interface HistoryChange {
  readonly table: string;
  readonly appliedAt: string;
  readonly cycle: number | null;
  readonly kind: 'new' | 'changed' | 'gone' | 'set back';
  readonly key: readonly string[];
  readonly name: string | null;
  /** Names of the columns that changed. */
  readonly fields: readonly string[];
  /** Values as text, those of secret columns left out; null: the row was not there, or nothing is known of it. */
  readonly was: Readonly<Record<string, string | null>> | null;
  readonly became: Readonly<Record<string, string | null>> | null;
}

/** A hold that has ended. */
export interface EndedHold {
  readonly table: string;
  readonly since: string;
  readonly endedAt: string;
  readonly ended: 'applied' | 'recovered' | 'replaced';
  readonly decision: 'approve' | 'reject' | null;
  readonly decidedBy: string | null;
}

/** Which part of the history is wanted. */
export interface HistoryQuestion {
  readonly siteId: string;
  /** Null: of all tables. The schema may be left out. */
  readonly table: string | null;
  /** Of the row with this key alone, one text a column; null: of all. */
  readonly key: readonly string[] | null;
  readonly limit: number;
}

/** What every question asks: of this site, and of one table where it names one. */
const isAsked = (alias: string): string =>
  `${alias}.site = $1 and ($2::text is null or ${alias}.table_name = $2 or right(${alias}.table_name, length($2) + 1) = '.' || $2)`;

/** The newest downloads that changed something, the newest first. */
export function readRuns(here: Session, { siteId, table, limit }: HistoryQuestion): Promise<HistoryRun[]> {
  return readEntries(here, {
    text: `
      select r.table_name as "table", ${isoUtc('r.applied_at')} as "appliedAt", r.workflow_run as "workflowRun", r.cycle,
        r.new_rows as "newRows", r.changed_rows as "changedRows", r.gone_rows as "goneRows", r.listed_rows as "listedRows",
        h.decided_by as "approvedBy"
      from meter_sync.download_run as r
      left join meter_sync.download_hold as h on h.id = r.hold_id
      where ${isAsked('r')}
      order by r.id desc
      limit $3`,
    values: [siteId, table, limit],
  });
}

/** The newest changes of rows, the newest first. */
export function readChanges(here: Session, { siteId, table, key, limit }: HistoryQuestion): Promise<HistoryChange[]> {
  return readEntries(here, {
    text: `
      select r.table_name as "table", ${isoUtc('r.applied_at')} as "appliedAt", r.cycle, c.kind, c.key, c.name, c.fields, c.was, c.became
      from meter_sync.download_run as r
      join meter_sync.download_change as c on c.run_id = r.id
      where ${isAsked('r')} and ($4::jsonb is null or c.key = $4::jsonb)
      order by c.run_id desc, c.place
      limit $3`,
    values: [siteId, table, limit, key === null ? null : JSON.stringify(key)],
  });
}

/** The newest holds that have ended, the newest first. */
export function readEndedHolds(here: Session, { siteId, table, limit }: HistoryQuestion): Promise<EndedHold[]> {
  return readEntries(here, {
    text: `
      select h.table_name as "table", ${isoUtc('h.since')} as since, ${isoUtc('h.ended_at')} as "endedAt", h.ended, h.decision,
        h.decided_by as "decidedBy"
      from meter_sync.download_hold as h
      where ${isAsked('h')} and h.ended_at is not null
      order by h.ended_at desc
      limit $3`,
    values: [siteId, table, limit],
  });
}

/** Each row as one object, under the names that the statement gives its columns. */
async function readEntries<Entry>(here: Session, { text, values }: Statement): Promise<Entry[]> {
  const rows = await run<{ entry: string }>(here, {
    text: `select row_to_json(e)::text as entry from (${text}) as e`,
    values,
  });
  return rows.map(({ entry }) => JSON.parse(entry) as Entry);
}
