import { type RefusedPlace, summarize } from '../../../src/model/refusal.js';
import { toTableName } from '../../../src/model/table.js';
import { execute, run, type Session } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';
import type { Log } from '../../attempt.js';
import { type Queue, selectPlaces, type Stretch } from '../queue/queue.js';

/** Enough to find the cause; the log is no place for a list of keys. */
const SHOWN_KEYS = 3;

/**
 * Notes the refused readings of a stretch, in the transaction that removes the others, and says so in the log. A reading
 * that was refused before keeps its first try.
 */
export async function noteRefused(
  session: Session,
  { siteId, queue, stretch }: { siteId: string; queue: Queue; stretch: Stretch },
  refused: readonly RefusedPlace[],
  log: Log,
): Promise<void> {
  const refusals = new Map(refused.map(({ place, refusal }) => [place, refusal]));
  type Row = { readonly place: string; readonly key: string; readonly reading_time: string | null };
  const places = await run<Row>(session, selectPlaces(queue, stretch, [...refusals.keys()]));
  const notes = places.map(({ place, key, reading_time }) => ({
    ...refusals.get(Number(place)),
    key: JSON.parse(key) as string[],
    reading_time,
  }));
  await execute(session, upsertNotes(siteId, JSON.stringify(notes)));
  log.warn('readings are refused by the remote and stay in quarantine: meter-sync quarantine list', {
    table: toTableName(queue.readings.table),
    readings: refused.length,
    reasons: summarize(refused),
    examples: notes.slice(0, SHOWN_KEYS).map(({ key }) => key),
  });
}

function upsertNotes(siteId: string, notes: string): Statement {
  return {
    text: `
      insert into meter_sync.quarantine as q (site, key, reading_time, sqlstate, constraint_name, table_name, column_names, message)
      select distinct on (n.key) $1::text,
        array(select json_array_elements_text(n.key::json)),
        n.reading_time,
        n.sqlstate,
        n."constraint",
        n."table",
        array(select json_array_elements_text(n.columns)),
        n.message
      from json_to_recordset($2::json) as n(key text, reading_time text, sqlstate text, "constraint" text, "table" text,
        columns json, message text)
      on conflict (site, key) do update
      set reading_time = excluded.reading_time,
        sqlstate = excluded.sqlstate,
        constraint_name = excluded.constraint_name,
        table_name = excluded.table_name,
        column_names = excluded.column_names,
        message = excluded.message,
        last_tried_at = clock_timestamp(),
        tries = q.tries + 1,
        is_released = false`,
    values: [siteId, notes],
  };
}
