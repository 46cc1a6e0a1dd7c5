import type { Link } from '../../../src/model/chain.js';
import { execute, type Session } from '../../../src/postgres/session.js';

/** The columns that day sums are made of, as custody records name them. */
export interface SummedColumns {
  /** Hexadecimal. */
  readonly id: string;
  /** JSON. */
  readonly columns: string;
  /** The column whose day sorts the readings into days; null: none. */
  readonly dayColumn: string | null;
}

/** What the site remembers of a custody record: small, and enough to name what a restored remote lacks. */
export interface DeliveredBatch {
  readonly link: Link;
  /** Readings that the batch inserted. */
  readonly rows: number;
  /** The same by UTC day; null: without day sums. */
  readonly days: readonly DayOfBatch[] | null;
  readonly columnsId: string;
  /** ISO 8601 UTC; null: the order column holds no instants. */
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
}

/** The readings of a batch on one UTC day. */
export interface DayOfBatch {
  readonly day: string | null;
  readonly rows: number;
  readonly sum: string;
}

/** More than two years of batches, one a minute. What is older than that no backup brings back. */
const MAX_REMEMBERED = 1_200_000;

/** Remembers a list of columns, in a transaction before that of the batches that name it: two of those at once would be in each other's way. */
export async function rememberColumns(session: Session, { id, columns, dayColumn }: SummedColumns): Promise<void> {
  await execute(session, {
    text: `
      insert into meter_sync.delivered_columns (id, columns, day_column)
      values ($1::text, $2::json, $3::text)
      on conflict do nothing`,
    values: [id, columns, dayColumn],
  });
}

/** Remembers a batch, in the transaction in which its readings are removed or marked. */
export async function rememberBatch(session: Session, siteId: string, batch: DeliveredBatch): Promise<void> {
  const { link, rows, days, columnsId, firstTimestamp, lastTimestamp } = batch;
  const list = days === null ? null : JSON.stringify(days.map(({ day, rows: ofDay, sum }) => [day, ofDay, sum]));
  await execute(session, {
    text: `
      with forgotten as (
        delete from meter_sync.delivered_batch where site = $1::text and seq = $2::bigint - ${MAX_REMEMBERED}
      )
      insert into meter_sync.delivered_batch (site, seq, digest, rows, days, columns_id, first_timestamp, last_timestamp)
      values ($1, $2, decode($3::text, 'hex'), $4::bigint, $5::json, $6::text, $7::text, $8::text)
      on conflict do nothing`,
    values: [siteId, link.seq, link.digest, rows, list, columnsId, firstTimestamp, lastTimestamp],
  });
}
