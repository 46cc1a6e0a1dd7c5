import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { run, type Session } from '../../../src/postgres/session.js';

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

const IS_TABLE = (alias: string): string =>
  `${alias}.site = $1 and ($2::text is null or ${alias}.table_name = $2 or right(${alias}.table_name, length($2) + 1) = '.' || $2)`;

/** The newest downloads that changed something, the newest first. */
export async function readRuns(here: Session, { siteId, table, limit }: HistoryQuestion): Promise<HistoryRun[]> {
  const rows = await run<Record<string, string | null>>(here, {
    text: `
      select r.table_name, ${isoUtc('r.applied_at')} as applied_at, r.workflow_run, r.cycle::text, r.new_rows::text,
        r.changed_rows::text, r.gone_rows::text, r.listed_rows::text, h.decided_by
      from meter_sync.download_run as r
      left join meter_sync.download_hold as h on h.id = r.hold_id
      where ${IS_TABLE('r')}
      order by r.id desc
      limit $3`,
    values: [siteId, table, limit],
  });
  return rows.map((row) => ({
    table: row['table_name'] ?? '',
    appliedAt: row['applied_at'] ?? '',
    workflowRun: row['workflow_run'] ?? null,
    cycle: toNumber(row['cycle']),
    newRows: Number(row['new_rows']),
    changedRows: Number(row['changed_rows']),
    goneRows: Number(row['gone_rows']),
    listedRows: Number(row['listed_rows']),
    approvedBy: row['decided_by'] ?? null,
  }));
}

/** The newest changes of rows, the newest first. */
export async function readChanges(here: Session, question: HistoryQuestion): Promise<HistoryChange[]> {
  const { siteId, table, key, limit } = question;
  const rows = await run<Record<string, string | null>>(here, {
    text: `
      select r.table_name, ${isoUtc('r.applied_at')} as applied_at, r.cycle::text, c.kind, c.key::text, c.name,
        array_to_json(c.fields)::text as fields, c.was::text, c.became::text
      from meter_sync.download_run as r
      join meter_sync.download_change as c on c.run_id = r.id
      where ${IS_TABLE('r')} and ($4::jsonb is null or c.key = $4::jsonb)
      order by c.run_id desc, c.place
      limit $3`,
    values: [siteId, table, limit, key === null ? null : JSON.stringify(key)],
  });
  return rows.map((row) => ({
    table: row['table_name'] ?? '',
    appliedAt: row['applied_at'] ?? '',
    cycle: toNumber(row['cycle']),
    kind: row['kind'] as HistoryChange['kind'],
    key: JSON.parse(row['key'] ?? '[]') as string[],
    name: row['name'] ?? null,
    fields: JSON.parse(row['fields'] ?? '[]') as string[],
    was: JSON.parse(row['was'] ?? 'null') as HistoryChange['was'],
    became: JSON.parse(row['became'] ?? 'null') as HistoryChange['became'],
  }));
}

/** The newest holds that have ended, the newest first. */
export async function readEndedHolds(here: Session, { siteId, table, limit }: HistoryQuestion): Promise<EndedHold[]> {
  const rows = await run<Record<string, string | null>>(here, {
    text: `
      select h.table_name, ${isoUtc('h.since')} as since, ${isoUtc('h.ended_at')} as ended_at, h.ended, h.decision, h.decided_by
      from meter_sync.download_hold as h
      where ${IS_TABLE('h')} and h.ended_at is not null
      order by h.ended_at desc
      limit $3`,
    values: [siteId, table, limit],
  });
  return rows.map((row) => ({
    table: row['table_name'] ?? '',
    since: row['since'] ?? '',
    endedAt: row['ended_at'] ?? '',
    ended: row['ended'] as EndedHold['ended'],
    decision: row['decision'] as EndedHold['decision'],
    decidedBy: row['decided_by'] ?? null,
  }));
}

function toNumber(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}
