import type { Refusal } from '../../../src/model/refusal.js';
import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { execute, run, type Session } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';

// What people and figures ask of the quarantine: its list, its count, and the release of readings by a person.

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

/** Which readings are meant. `reason` is a SQLSTATE, or null for those in conflict with another reading of their key. */
export type QuarantineChoice =
  | { readonly by: 'all' }
  | { readonly by: 'reason'; readonly sqlstate: string | null }
  | { readonly by: 'keys'; readonly keys: readonly (readonly string[])[] };

/** All that is in quarantine, by reason, the most common first. */
export function readGroups(session: Session, siteId: string): Promise<QuarantineGroup[]> {
  return readDocuments<QuarantineGroup>(session, {
    text: `
      select row_to_json(g)::text as document
      from (
        select q.sqlstate,
          q.constraint_name as "constraint",
          q.column_names as columns,
          count(*) as readings,
          count(*) filter (where q.is_released) as released,
          ${isoUtc('min(q.first_tried_at)')} as "firstTriedAt",
          ${isoUtc('max(q.last_tried_at)')} as "lastTriedAt"
        from meter_sync.quarantine q
        where q.site = $1::text
        group by q.sqlstate, q.constraint_name, q.column_names
      ) as g
      order by g.readings desc, g.sqlstate, g."constraint", g.columns`,
    values: [siteId],
  });
}

/** Readings in quarantine, the newest refusals first. */
export function readQuarantined(
  session: Session,
  siteId: string,
  which: QuarantineChoice,
  limit: number,
): Promise<Quarantined[]> {
  const { text, values } = isChosen(which);
  return readDocuments<Quarantined>(session, {
    text: `
      select row_to_json(r)::text as document
      from meter_sync.quarantine q
      cross join lateral (
        select q.key,
          q.reading_time as "readingTime",
          q.sqlstate,
          q.constraint_name as "constraint",
          q.table_name as "table",
          q.column_names as columns,
          q.message,
          ${isoUtc('q.first_tried_at')} as "firstTriedAt",
          ${isoUtc('q.last_tried_at')} as "lastTriedAt",
          q.tries,
          q.is_released as "isReleased"
      ) as r
      where q.site = $1::text
        and ${text}
      order by q.last_tried_at desc, q.key
      limit ${Math.trunc(limit)}`,
    values: [siteId, ...values],
  });
}

/** Rows that PostgreSQL writes as the documents they become: keys are texts, and counts are small. */
async function readDocuments<Row>(session: Session, statement: Statement): Promise<Row[]> {
  return (await run<{ document: string }>(session, statement)).map(({ document }) => JSON.parse(document) as Row);
}

/** Counts the readings of a site in quarantine, without those that the next batch takes again. */
export function countQuarantine(siteId: string): Statement {
  return {
    text: `
      select count(*)::text as rows
      from meter_sync.quarantine q
      where q.site = $1::text
        and not q.is_released`,
    values: [siteId],
  };
}

/** Lets the next batch take readings again, and answers with how many. */
export function releaseQuarantined(session: Session, siteId: string, which: QuarantineChoice): Promise<number> {
  const { text, values } = isChosen(which);
  return execute(session, {
    text: `update meter_sync.quarantine as q set is_released = true where q.site = $1::text and ${text}`,
    values: [siteId, ...values],
  });
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
