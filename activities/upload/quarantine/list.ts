import type { Refusal } from '../../../src/model/refusal.js';
import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { execute, run, type Session } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';

/** A reading in quarantine, and why. None of its values is here but its key and its time. */
export interface Quarantined extends Refusal {
  readonly key: readonly string[];
  /** Its value in the order column, as the database prints it. */
  readonly readingTime: string | null;
  /** ISO 8601 UTC. */
  readonly firstTriedAt: string;
  readonly lastTriedAt: string;
  readonly tries: number;
  /** True when the next batch takes it again. */
  readonly isReleased: boolean;
}

/** The readings that were refused for one reason. */
export interface QuarantineGroup extends Pick<Refusal, 'sqlstate' | 'constraint' | 'columns'> {
  readonly readings: number;
  /** How many of them the next batch takes again. */
  readonly released: number;
  readonly firstTriedAt: string;
  readonly lastTriedAt: string;
}

/** Which readings are meant. `reason` is a SQLSTATE, or null for those that are there with other content. */
export type QuarantineChoice =
  | { readonly by: 'all' }
  | { readonly by: 'reason'; readonly sqlstate: string | null }
  | { readonly by: 'keys'; readonly keys: readonly (readonly string[])[] };

/** All that is in quarantine, by reason, the most common first. */
export async function readGroups(session: Session, siteId: string): Promise<QuarantineGroup[]> {
  const rows = await run<GroupRow>(session, selectGroups(siteId));
  return rows.map((row) => ({
    sqlstate: row.sqlstate,
    constraint: row.constraint_name,
    columns: JSON.parse(row.columns) as string[],
    readings: Number(row.readings),
    released: Number(row.released),
    firstTriedAt: row.first_tried_at,
    lastTriedAt: row.last_tried_at,
  }));
}

/** Readings in quarantine, the newest refusals first. */
export async function readQuarantined(
  session: Session,
  siteId: string,
  which: QuarantineChoice,
  limit: number,
): Promise<Quarantined[]> {
  const rows = await run<QuarantinedRow>(session, selectQuarantined(siteId, which, limit));
  return rows.map((row) => ({
    key: JSON.parse(row.key) as string[],
    readingTime: row.reading_time,
    sqlstate: row.sqlstate,
    constraint: row.constraint_name,
    table: row.table_name,
    columns: JSON.parse(row.columns) as string[],
    message: row.message,
    firstTriedAt: row.first_tried_at,
    lastTriedAt: row.last_tried_at,
    tries: Number(row.tries),
    isReleased: row.is_released === 'true',
  }));
}

/** Lets the next batch take readings again, and answers with how many. */
export function releaseQuarantined(session: Session, siteId: string, which: QuarantineChoice): Promise<number> {
  const { text, values } = isChosen(which);
  return execute(session, {
    text: `update meter_sync.quarantine as q set is_released = true where q.site = $1::text and ${text}`,
    values: [siteId, ...values],
  });
}

interface GroupRow {
  readonly sqlstate: string | null;
  readonly constraint_name: string | null;
  readonly columns: string;
  readonly readings: string;
  readonly released: string;
  readonly first_tried_at: string;
  readonly last_tried_at: string;
}

interface QuarantinedRow extends Omit<GroupRow, 'readings' | 'released'> {
  readonly key: string;
  readonly reading_time: string | null;
  readonly table_name: string | null;
  readonly message: string;
  readonly tries: string;
  readonly is_released: string;
}

function selectGroups(siteId: string): Statement {
  return {
    text: `
      select q.sqlstate,
        q.constraint_name,
        array_to_json(q.column_names)::text as columns,
        count(*)::text as readings,
        (count(*) filter (where q.is_released))::text as released,
        ${isoUtc('min(q.first_tried_at)')} as first_tried_at,
        ${isoUtc('max(q.last_tried_at)')} as last_tried_at
      from meter_sync.quarantine q
      where q.site = $1::text
      group by q.sqlstate, q.constraint_name, q.column_names
      order by count(*) desc, q.sqlstate, q.constraint_name, q.column_names`,
    values: [siteId],
  };
}

function selectQuarantined(siteId: string, which: QuarantineChoice, limit: number): Statement {
  const { text, values } = isChosen(which);
  return {
    text: `
      select array_to_json(q.key)::text as key,
        q.reading_time,
        q.sqlstate,
        q.constraint_name,
        q.table_name,
        array_to_json(q.column_names)::text as columns,
        q.message,
        ${isoUtc('q.first_tried_at')} as first_tried_at,
        ${isoUtc('q.last_tried_at')} as last_tried_at,
        q.tries::text as tries,
        q.is_released::text as is_released
      from meter_sync.quarantine q
      where q.site = $1::text
        and ${text}
      order by q.last_tried_at desc, q.key
      limit ${Math.trunc(limit)}`,
    values: [siteId, ...values],
  };
}

/** A choice as a condition on `q`; its values begin at `$2`. */
function isChosen(which: QuarantineChoice): Statement {
  switch (which.by) {
    case 'all':
      return { text: 'true', values: [] };
    case 'reason':
      return { text: 'q.sqlstate is not distinct from $2::text', values: [which.sqlstate] };
    case 'keys':
      return {
        text: `q.key in (select array(select json_array_elements_text(k.key)) from json_array_elements($2::json) as k(key))`,
        values: [JSON.stringify(which.keys)],
      };
  }
}
