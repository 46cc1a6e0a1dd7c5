import type { QueueTable } from '../../../src/model/table.js';
import { ident, literal, relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { isWithin, keyTexts, orderDay, type Queue, type Stretch } from '../queue/queue.js';

/**
 * How readings that have arrived stay at the site. Where there is a flag they are marked in their own table, which costs less.
 * Where there is none they are moved into ours: in their own table nothing would tell them from those that wait, and each cycle
 * would compare the whole table with a list of keys (10M kept ones: half a minute a cycle).
 */
export function keepingOf({ flag, keepDays = 0 }: QueueTable): 'marked' | 'moved' | null {
  if (keepDays === 0) return null;
  return flag === null ? 'moved' : 'marked';
}

/** Kept readings are listed so many a row: some hundred kilobytes, and as many as are sent again or removed at once. */
export const KEPT_ROWS = 5_000;

/**
 * Keeps exactly the readings that `selectReadings` sees, when both run in one snapshot, in the place of their removal: marks
 * or moves them, and lists them. Answers with how many it has listed.
 * @param columns those that a reading is made of again
 */
export function keepReadings(
  queue: Queue,
  stretch: Stretch,
  { siteId, columns }: { readonly siteId: string; readonly columns: readonly string[] },
): Statement {
  const { table, flag } = queue.readings;
  const act =
    flag === null ? `delete from ${relation(table)} as r` : `update ${relation(table)} as r set ${ident(flag)} = true`;
  const texts = columns.map((name) => `case when r.${ident(name)} is not null then format('%s', r.${ident(name)}) end`);
  const content = flag === null ? `array_to_json(array[${texts.join(', ')}])::text` : 'null::text';
  return {
    text: `
      with arrived as (
        ${act}
        where ${isWithin(queue, stretch)}
        returning array_to_json(${keyTexts(queue)})::text as key, ${orderDay(queue)} as day, ${content} as content
      ), kept as (
        insert into meter_sync.kept_reading (site, first_day, last_day, rows, keys, columns, contents)
        select $1::text, min(n.day), max(n.day), count(*), array_agg(n.key), ${flag === null ? '$2::text[], array_agg(n.content)' : 'null, null'}
        from (select a.*, (row_number() over () - 1) / ${KEPT_ROWS} as part from arrived as a) as n
        group by n.part
        returning rows
      )
      select coalesce(sum(k.rows), 0)::text as rows
      from kept as k`,
    values: flag === null ? [siteId, columns] : [siteId],
  };
}

/** A row of the list: readings that were kept together. */
export interface KeptPart {
  readonly id: string;
  /** What the readings are made of again; null: they are in their own table. */
  readonly columns: readonly string[] | null;
}

/** Which days are asked for, both included; null: no bound. */
export interface DayRange {
  readonly from: string | null;
  readonly to: string | null;
}

/** The parts that may hold readings of some days, in the order in which they were kept, above one of them. */
export function selectParts(siteId: string, { from, to }: DayRange, above: string, limit: number): Statement {
  return {
    text: `
      select k.id::text as id, array_to_json(k.columns)::text as columns
      from meter_sync.kept_reading as k
      where ${isOfDays('$1', '$2', '$3')}
        and k.id > $4::bigint
      order by k.id
      limit $5::bigint`,
    values: [siteId, from, to, above, limit],
  };
}

/** What of some days is kept. */
export interface KeptFigures {
  /** Readings; of parts that hold other days, too, all are counted. */
  readonly rows: number;
  /** The oldest and the newest day of them; null: none, or the order column has no days. */
  readonly firstDay: string | null;
  readonly lastDay: string | null;
}

/** How many readings are kept that may be of some days, and from when to when. */
export async function readKept(session: Session, siteId: string, { from, to }: DayRange): Promise<KeptFigures> {
  const [row] = await run<{ rows: string; first_day: string | null; last_day: string | null }>(session, {
    text: `
      select coalesce(sum(k.rows), 0)::text as rows, min(k.first_day)::text as first_day, max(k.last_day)::text as last_day
      from meter_sync.kept_reading as k
      where ${isOfDays('$1', '$2', '$3')}`,
    values: [siteId, from, to],
  });
  return { rows: Number(row?.rows), firstDay: row?.first_day ?? null, lastDay: row?.last_day ?? null };
}

function isOfDays(site: string, from: string, to: string): string {
  return `k.site = ${site}::text
        and coalesce(k.last_day >= ${from}::date, true)
        and coalesce(k.first_day <= ${to}::date, true)`;
}

/** The readings of a part as a query that stands in the place of their table: `Queue.kept`. */
export function selectKept(
  queue: Queue,
  { id, columns }: KeptPart,
  { types, range }: { readonly types: ReadonlyMap<string, string>; readonly range: DayRange },
): string {
  const days = isOfRange(queue, range);
  if (columns === null) {
    const { table, flag } = queue.readings;
    return `
      select r.*
      from meter_sync.kept_reading as k
      cross join lateral unnest(k.keys) as u(key)
      join ${relation(table)} as r on ${hasKey(queue)}
      where k.id = ${literal(id)}::bigint
        and ${flag === null ? 'false' : `r.${ident(flag)} is true`}${days}`;
  }
  const values = [...types].map(([name, type]) => {
    const at = columns.indexOf(name);
    return `${at < 0 ? 'null' : `v.texts[${at + 1}]`}::${type} as ${ident(name)}`;
  });
  return `
      select r.*
      from meter_sync.kept_reading as k
      cross join lateral unnest(k.contents) as u(content)
      cross join lateral (select array(select json_array_elements_text(u.content::json)) as texts offset 0) as v
      cross join lateral (select ${values.join(', ')} offset 0) as r
      where k.id = ${literal(id)}::bigint${days}`;
}

function isOfRange(queue: Queue, { from, to }: DayRange): string {
  const day = orderDay(queue);
  return [
    ...(from === null ? [] : [` and ${day} >= ${literal(from)}::date`]),
    ...(to === null ? [] : [` and ${day} <= ${literal(to)}::date`]),
  ].join('');
}

/** The reading `r` that an entry `u` of the list is about. */
export function hasKey({ readings, keyTypes }: Queue): string {
  return readings.key
    .map((name, at) => `r.${ident(name)} = (u.key::json ->> ${at})::${keyTypes[at] ?? 'text'}`)
    .join(' and ');
}
