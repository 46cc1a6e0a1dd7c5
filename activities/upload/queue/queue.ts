import type { QueueTable } from '../../../src/model/table.js';
import type { TransferColumn } from '../../../src/model/transfer.js';
import { ident, idents, literal, relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { plain, type Statement } from '../../../src/postgres/statement.js';

/** The local queue: the table of readings, and what its boundaries are written in. */
export interface Queue {
  readonly readings: QueueTable;
  readonly orderType: string;
  readonly keyTypes: readonly string[];
  /** Readings without a value in the order column come last, ordered by key alone. */
  readonly orderMayBeNull: boolean;
  /** True when the order column is a date or a timestamp: then the oldest reading has an age. */
  readonly orderIsTime: boolean;
  /** The site whose quarantined readings stay out of every stretch; null: it has none, and nothing is asked. */
  readonly quarantineOf: string | null;
  /** Values of the order column, ascending, that cut the queue into sections: see `sections.ts`. None: it is one. */
  readonly cuts: readonly string[];
  /** Readings that are taken instead of those that wait: a query as SQL, of kept ones that are sent again. Absent: what waits. */
  readonly kept?: string;
}

/** The last reading of a batch, as text, so that no digit is lost. `order` is null among those without one. */
interface Boundary {
  readonly order: string | null;
  readonly key: readonly string[];
}

/** A place in the queue: among the readings with a value in the order column or those without, above a boundary. */
export interface Place {
  readonly hasOrder: boolean;
  /** Of those with a value, from 0. */
  readonly section: number;
  /** Null: from the bottom of its section. */
  readonly above: Boundary | null;
}

/** A stretch of the queue: what a batch takes. The two kinds of readings are never mixed, so an index serves both. */
export interface Stretch extends Place {
  /** The last reading of it; null: all that the snapshot sees. */
  readonly upTo: Boundary | null;
}

/** The bottom of the queue. Each run begins here, since late readings may lie below an earlier boundary. */
export const BOTTOM: Place = { hasOrder: true, section: 0, above: null };

/** Where the readings without a value in the order column begin: after all the others. */
const WITHOUT_ORDER: Place = { hasOrder: false, section: 0, above: null };

/**
 * Takes the next stretch of the queue, oldest first, at most `rows` readings; null when the queue, or its section, ends here. It is
 * taken as a boundary, not as keys: one predicate then both copies and deletes, six times faster than lists of keys.
 */
export async function takeStretch(session: Session, queue: Queue, place: Place, rows: number): Promise<Stretch | null> {
  const upTo = await readBoundary(session, queue, place, rows);
  if (upTo !== null) return { ...place, upTo };
  const [left] = await run<{ any: string }>(session, selectAny(queue, place));
  if (left?.any === 'true') return { ...place, upTo: null };
  const next = placeAfter(queue, { ...place, upTo: null });
  return next === null || queue.cuts.length > 0 ? null : takeStretch(session, queue, next, rows);
}

/** The reading that is the `rows`th one above a place; null when there are fewer. */
export async function readBoundary(
  session: Session,
  queue: Queue,
  place: Place,
  rows: number,
): Promise<Boundary | null> {
  type Row = { readonly boundary_order: string | null; readonly boundary_key: string };
  const [last] = await run<Row>(session, selectBoundary(queue, place, rows));
  return last === undefined ? null : { order: last.boundary_order, key: JSON.parse(last.boundary_key) as string[] };
}

/** Where the batch after a stretch begins; null when the stretch was the end of the queue. */
export function placeAfter(queue: Queue, { hasOrder, section, upTo }: Stretch): Place | null {
  if (upTo !== null) return { hasOrder, section, above: upTo };
  if (hasOrder && section < queue.cuts.length) return { hasOrder, section: section + 1, above: null };
  return hasOrder && queue.orderMayBeNull ? WITHOUT_ORDER : null;
}

/**
 * The last reading of a full batch, or no row when fewer are left. The key breaks ties, so a second attempt at one
 * snapshot takes the same readings. Columns are qualified: a bare name would sort by the text of the output.
 */
export function selectBoundary(queue: Queue, place: Place, limitRows: number): Statement {
  return {
    text: `
      select r.${ident(queue.readings.order)}::text as boundary_order,
        array_to_json(${keyTexts(queue)})::text as boundary_key
      from ${rowsOf(queue)} as r
      where ${isWithin(queue, { ...place, upTo: null })}
      order by ${position(queue)}
      offset $1::bigint
      limit 1`,
    values: [limitRows - 1],
  };
}

/** Whether any reading is left above a place. */
export function selectAny(queue: Queue, place: Place): Statement {
  return plain(`
      select exists (
        select
        from ${rowsOf(queue)} as r
        where ${isWithin(queue, { ...place, upTo: null })})::text as any`);
}

/** The readings of a stretch, for COPY, which takes no parameters. Sorted, so that the same readings are the same bytes. */
export function selectReadings(
  queue: Queue,
  columns: readonly TransferColumn[],
  stretch: Stretch,
  limit?: number,
): string {
  return `
    select ${columns.map(toExpression).join(', ')}
    from ${rowsOf(queue)} as r
    where ${isWithin(queue, stretch)}
    order by ${position(queue)}${limit === undefined ? '' : ` limit ${limit}`}`;
}

/** How many readings a stretch has in the snapshot. */
export function countStretch(queue: Queue, stretch: Stretch): Statement {
  return plain(`select count(*)::text as rows from ${rowsOf(queue)} as r where ${isWithin(queue, stretch)}`);
}

/** Keys and order values of the readings at some places of a stretch, from 1. */
export function selectPlaces(queue: Queue, stretch: Stretch, places: readonly number[]): Statement {
  return {
    text: `
      select p.place::text as place, array_to_json(p.key)::text as key, p.reading_time
      from (
        select row_number() over (order by ${position(queue)}) as place,
          ${keyTexts(queue)} as key,
          r.${ident(queue.readings.order)}::text as reading_time
        from ${rowsOf(queue)} as r
        where ${isWithin(queue, stretch)}
      ) as p
      where p.place = any($1::bigint[])`,
    values: [places],
  };
}

/** Removes exactly the readings that `selectReadings` sees, when both run in one snapshot. */
export function deleteReadings(queue: Queue, stretch: Stretch): Statement {
  return plain(`delete from ${relation(queue.readings.table)} as r where ${isWithin(queue, stretch)}`);
}

/** The order column as an instant. What has no zone of its own is read in the site's, where one is set, and else as UTC. */
export function orderInstant({ readings: { order, timeZone }, orderType }: Queue): string {
  const column = `r.${ident(order)}`;
  if (orderType.endsWith('with time zone')) return `${column}::timestamptz`;
  return `${column}::timestamp at time zone ${literal(timeZone ?? 'UTC')}`;
}

/** The day of the order column, as SQL: of an instant its UTC day; null where it has no days. */
export function orderDay({ readings: { order }, orderType, orderIsTime }: Queue): string {
  if (!orderIsTime) return 'null::date';
  const column = `r.${ident(order)}`;
  return orderType.endsWith('with time zone') ? `(${column} at time zone 'UTC')::date` : `${column}::date`;
}

/**
 * The keys of the oldest readings, those in quarantine among them, each as a JSON array of texts; and a hash of each.
 * @param hash of the row `s`, which `stored` selects from the site's row `r`
 */
export function selectOldest(
  queue: Queue,
  { hash, stored }: { readonly hash: string; readonly stored: string },
  limitRows: number,
): Statement {
  return plain(`
      select array_to_json(${keyTexts(queue)})::text as key, (${hash})::text as hash
      from ${relation(queue.readings.table)} as r
      cross join lateral (select ${stored}) as s
      where ${isQueued(queue.readings, 'r')}
      order by ${position(queue)}
      limit ${limitRows}`);
}

/** Where a stretch is taken from. */
export function rowsOf({ readings, kept }: Queue): string {
  return kept === undefined ? relation(readings.table) : `(${kept})`;
}

/** Null is queued, too: `= false` would leave those readings behind for ever. A partial index must say the same words. */
export function isQueued({ flag }: QueueTable, alias?: string): string {
  return flag === null ? 'true' : `${idents([flag], alias)} is not true`;
}

/** The places where the sections of the queue begin; null: it is one, and is looked at as a whole. */
export function placesOf({ cuts, orderMayBeNull }: Queue): readonly (Place | null)[] {
  if (cuts.length === 0) return [null];
  const sections = [...cuts, null].map((_, section) => ({ hasOrder: true, section, above: null }));
  return orderMayBeNull ? [...sections, WITHOUT_ORDER] : sections;
}

/** Every reading that waits above a place, or anywhere, as a condition on `r`. */
export function isWaiting(queue: Queue, place: Place | null = null): string {
  if (place !== null) return isWithin(queue, { ...place, upTo: null });
  const { quarantineOf } = queue;
  const queued = isQueued(queue.readings, 'r');
  return quarantineOf === null ? queued : `${queued} and ${isNotQuarantined(queue, quarantineOf)}`;
}

/** The readings of a stretch, as a condition on `r`. Quarantined ones stay out of it. */
export function isWithin(queue: Queue, { hasOrder, section, above, upTo }: Stretch): string {
  const order = `r.${ident(queue.readings.order)}`;
  const isTaken = queue.kept === undefined ? isQueued(queue.readings, 'r') : 'true';
  const conditions = [isTaken, `${order} is ${hasOrder ? 'not null' : 'null'}`];
  // As comparisons of one column: PostgreSQL leaves no partition out for a comparison of rows.
  const [from, to] = hasOrder ? [queue.cuts[section - 1], queue.cuts[section]] : [];
  if (from !== undefined) conditions.push(`${order} >= ${literal(from)}::${queue.orderType}`);
  if (to !== undefined) conditions.push(`${order} < ${literal(to)}::${queue.orderType}`);
  const row = `(${hasOrder ? `${order}, ` : ''}${idents(queue.readings.key, 'r')})`;
  if (above !== null) conditions.push(`${row} > ${toRow(queue, above)}`);
  if (upTo !== null) conditions.push(`${row} <= ${toRow(queue, upTo)}`);
  if (queue.quarantineOf !== null) conditions.push(isNotQuarantined(queue, queue.quarantineOf));
  return conditions.join(' and ');
}

function isNotQuarantined(queue: Queue, siteId: string): string {
  return `not exists (
      select from meter_sync.quarantine as q
      where q.site = ${literal(siteId)} and not q.is_released and q.key = ${keyTexts(queue)})`;
}

/** The key as quarantine and boundaries write it: one text a column. */
export function keyTexts({ readings }: Queue): string {
  return `array[${readings.key.map((name) => `r.${ident(name)}::text`).join(', ')}]`;
}

function toRow(queue: Queue, { order, key }: Boundary): string {
  const values = key.map((text, at) => `${literal(text)}::${queue.keyTypes[at]}`);
  return `(${[...(order === null ? [] : [`${literal(order)}::${queue.orderType}`]), ...values].join(', ')})`;
}

function position({ readings }: Queue): string {
  return idents([readings.order, ...readings.key], 'r');
}

/** A text too long for the remote gets a mark that is no blank, so that it is refused and not cut in silence. */
function toExpression({ name, maxLength, inZone }: TransferColumn): string {
  const column = `r.${ident(name)}`;
  if (inZone !== null) return toOtherZone(column, inZone);
  if (maxLength === null) return column;
  return `case when char_length(${column}) > ${maxLength} then ${column} || '.' else ${column} end`;
}

/**
 * The text of an instant with or without its zone. What does not lead back becomes a text that the remote refuses: a local
 * time that the zone skips, and of an hour that it has twice the first one, since PostgreSQL takes the time for the second.
 */
function toOtherZone(column: string, zone: string): string {
  const [name, refused] = [literal(zone), literal(`no time of ${zone}, or the first of two`)];
  const other = `${column} at time zone ${name}`;
  return `case when (${other}) at time zone ${name} <> ${column} then ${refused} else (${other})::text end`;
}
