import type { QueueTable } from '../../src/model/table.js';
import { ident, idents, literal, relation } from '../../src/postgres/identifier.js';
import type { Statement } from '../../src/postgres/statement.js';
import type { TransferColumn } from '../../src/model/drift.js';

/** The local queue: the table of readings, and what its boundaries are written in. */
export interface Queue {
  readonly readings: QueueTable;
  readonly orderType: string;
  readonly keyTypes: readonly string[];
  /** Readings without a value in the order column come last, ordered by key alone. */
  readonly orderMayBeNull: boolean;
  /** True when the order column is a date or a timestamp: then the oldest reading has an age. */
  readonly orderIsTime: boolean;
}

/** The last reading of a batch, as text, so that no digit is lost. `order` is null among those without one. */
export interface Boundary {
  readonly order: string | null;
  readonly key: readonly string[];
}

/** A place in the queue: among the readings with a value in the order column or those without, above a boundary. */
export interface Place {
  readonly hasOrder: boolean;
  /** Null: from the bottom. */
  readonly above: Boundary | null;
}

/** A stretch of the queue: what a batch takes. The two kinds of readings are never mixed, so an index serves both. */
export interface Stretch extends Place {
  /** The last reading of it; null: all that the snapshot sees. */
  readonly upTo: Boundary | null;
}

/** The bottom of the queue. Each drain begins here, since late readings may lie below an earlier boundary. */
export const BOTTOM: Place = { hasOrder: true, above: null };

/**
 * The last reading of a full batch, or no row when fewer are left. The key breaks ties, so a second attempt at one
 * snapshot takes the same readings. Columns are qualified: a bare name would sort by the text of the output.
 */
export function selectBoundary(queue: Queue, place: Place, limitRows: number): Statement {
  const keyTexts = queue.readings.key.map((name) => `r.${ident(name)}::text`).join(', ');
  return {
    text: `
      select r.${ident(queue.readings.order)}::text as boundary_order,
        array_to_json(array[${keyTexts}])::text as boundary_key
      from ${relation(queue.readings.table)} as r
      where ${isWithin(queue, { ...place, upTo: null })}
      order by ${position(queue)}
      offset $1::bigint
      limit 1`,
    values: [limitRows - 1],
  };
}

/** Whether any reading is left above a place. */
export function selectAny(queue: Queue, place: Place): Statement {
  return {
    text: `
      select exists (
        select
        from ${relation(queue.readings.table)} as r
        where ${isWithin(queue, { ...place, upTo: null })})::text as any`,
    values: [],
  };
}

/** The readings of a stretch, for COPY, which takes no parameters. Sorted, so that the same readings are the same bytes. */
export function selectReadings(queue: Queue, columns: readonly TransferColumn[], stretch: Stretch): string {
  return `
    select ${columns.map(toExpression).join(', ')}
    from ${relation(queue.readings.table)} as r
    where ${isWithin(queue, stretch)}
    order by ${position(queue)}`;
}

/** Removes exactly the readings that `selectReadings` sees, when both run in one snapshot. */
export function deleteReadings(queue: Queue, stretch: Stretch): Statement {
  return { text: `delete from ${relation(queue.readings.table)} as r where ${isWithin(queue, stretch)}`, values: [] };
}

/**
 * How many readings are queued, and when the oldest of them was taken, ISO 8601 UTC. Instants that ISO 8601 does not
 * write with four digits of year (infinity, for one) are passed over. The session must have set its text forms.
 */
export function selectQueueFigures(queue: Queue): Statement {
  const order = `r.${ident(queue.readings.order)}`;
  const isoDated = `${order} >= '0001-01-01' and ${order} < '10000-01-01'`;
  const oldest = `to_char(min(${order}::timestamptz) filter (where ${isoDated}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  return {
    text: `
      select count(*)::text as queue_size,
        ${queue.orderIsTime ? oldest : 'null'} as oldest_unsynced
      from ${relation(queue.readings.table)} as r
      where ${isQueued(queue.readings)}`,
    values: [],
  };
}

/** Null is queued, too: `= false` would leave those readings behind for ever. A partial index must say the same words. */
function isQueued({ flag }: QueueTable): string {
  return flag === null ? 'true' : `r.${ident(flag)} is not true`;
}

/** Quarantined readings will stay out of every stretch here. */
function isWithin(queue: Queue, { hasOrder, above, upTo }: Stretch): string {
  const order = `r.${ident(queue.readings.order)}`;
  const conditions = [isQueued(queue.readings), `${order} is ${hasOrder ? 'not null' : 'null'}`];
  const row = `(${hasOrder ? `${order}, ` : ''}${idents(queue.readings.key, 'r')})`;
  if (above !== null) conditions.push(`${row} > ${toRow(queue, above)}`);
  if (upTo !== null) conditions.push(`${row} <= ${toRow(queue, upTo)}`);
  return conditions.join(' and ');
}

function toRow(queue: Queue, { order, key }: Boundary): string {
  const values = key.map((text, at) => `${literal(text)}::${queue.keyTypes[at]}`);
  return `(${[...(order === null ? [] : [`${literal(order)}::${queue.orderType}`]), ...values].join(', ')})`;
}

function position({ readings }: Queue): string {
  return `r.${ident(readings.order)}, ${idents(readings.key, 'r')}`;
}

/** A text too long for the remote gets a mark that is no blank, so that it is refused and not cut in silence. */
function toExpression({ name, maxLength, inZone }: TransferColumn): string {
  const column = `r.${ident(name)}`;
  if (inZone !== null) return toOtherZone(column, inZone);
  if (maxLength === null) return column;
  return `case when char_length(${column}) > ${maxLength} then ${column} || '.' else ${column} end`;
}

/**
 * An instant with or without its zone. What does not lead back is refused (22008): a local time that the zone skips, and
 * of an hour that it has twice the first one, since PostgreSQL takes such a time for the second.
 */
function toOtherZone(column: string, { zone, type }: NonNullable<TransferColumn['inZone']>): string {
  const other = `${column} at time zone ${literal(zone)}`;
  const refusal = `('2000-01-01 99:00' || left(${column}::text, 0))::${type}`;
  return `case when (${other}) at time zone ${literal(zone)} <> ${column} then ${refusal} else ${other} end`;
}
