import { type LostAtRemote, MAX_LOST_DAYS } from '../../../src/model/lost.js';
import type { HashedColumn } from '../../../src/model/hashed-column.js';
import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { type Database, execute, run, type Session } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { withConnection, withTransaction } from '../../../src/postgres/transaction.js';
import type { DeliveredBatch } from './delivered.js';

/** What is lost at the remote, as SQL of one JSON value: a `LostAtRemote`, or null. */
export function lostAsJson(site: string): string {
  return toJson(`select * from meter_sync.lost_at_remote where site = ${site} and ended is null`);
}

/** @param losses SQL that selects rows as those of `meter_sync.lost_at_remote` */
function toJson(losses: string): string {
  return `(
    with losses as (${losses})
    select json_build_object(
      'readings', sum(l.rows),
      'batches', (select sum(b.batches) from (select distinct since, batches from losses) as b),
      'firstTime', min(l.first_timestamp),
      'lastTime', max(l.last_timestamp),
      'since', ${isoUtc('min(l.since)')},
      'days', (
        select json_agg(json_build_object('day', d.day, 'readings', d.rows))
        from (select day, sum(rows) as rows from losses group by day order by day limit ${MAX_LOST_DAYS}) as d
      )
    )
    from losses as l
    having count(*) > 0)`;
}

/** Reads what is lost at the remote of a site, and neither there again nor written off; null: nothing. */
export function readLost(session: Session, siteId: string): Promise<LostAtRemote | null> {
  return readJson(session, { text: `select ${lostAsJson('$1::text')}::text as lost`, values: [siteId] });
}

/** What the remote lacks above a record, and how many records that is. */
interface Missing {
  readonly siteId: string;
  readonly above: number;
  readonly batches: number;
}

/** What `noteLost` would note; null: no reading. */
export function readMissing(session: Session, { siteId, above, batches }: Missing): Promise<LostAtRemote | null> {
  return readJson(session, {
    text: `select ${toJson(SELECT_MISSING)}::text as lost`,
    values: [siteId, above, batches],
  });
}

async function readJson(session: Session, statement: Statement): Promise<LostAtRemote | null> {
  const [row] = await run<{ lost: string | null }>(session, statement);
  return row === undefined || row.lost === null ? null : (JSON.parse(row.lost) as LostAtRemote);
}

const SELECT_MISSING = `
    select $1::text as site, now() as since, $3::bigint as batches, p.day, sum(p.rows) as rows, sum(p.sum) as sum,
      p.columns_id, min(p.first_timestamp) as first_timestamp, max(p.last_timestamp) as last_timestamp
    from (
      select g.columns_id, g.first_timestamp, g.last_timestamp, d.value ->> 0 as day,
        coalesce((d.value ->> 1)::bigint, g.rows) as rows, (d.value ->> 2)::numeric as sum
      from meter_sync.delivered_batch as g
      left join lateral json_array_elements(g.days) as d on true
      where g.site = $1::text
        and g.seq > $2::bigint
        and g.rows > 0
    ) as p
    group by p.day, p.columns_id, p.sum is null`;

/**
 * Notes what the remote has lost: all batches that the site remembers above a record. They are no longer part of the chain, so
 * they move from the memory of it into the list of losses, by day.
 */
export async function noteLost(session: Session, { siteId, above, batches }: Missing): Promise<void> {
  await execute(session, {
    text: `
      insert into meter_sync.lost_at_remote (site, since, batches, day, rows, sum, columns_id, first_timestamp, last_timestamp)
      ${SELECT_MISSING}`,
    values: [siteId, above, batches],
  });
  await execute(session, {
    text: 'delete from meter_sync.delivered_batch where site = $1::text and seq > $2::bigint',
    values: [siteId, above],
  });
}

/** A day of a loss. */
export interface LostDay {
  /** Null: readings without a day, or of days that are not known. */
  readonly day: string | null;
  readonly rows: number;
  /** Null: without day sums. */
  readonly sum: string | null;
  /** What the sum is made of, and the column whose day it is; null: none. */
  readonly columns: readonly HashedColumn[];
  readonly dayColumn: string | null;
  /** False: they are missing still. True: they were found on the remote again, though no record there tells of them. */
  readonly isFound: boolean;
}

/** Reads the days of which readings are lost, and those of which lost ones were found again. */
export async function readLostDays(local: Database, siteId: string): Promise<LostDay[]> {
  const [row] = await withConnection(local, {}, (session) =>
    run<{ days: string }>(session, {
      text: `
        select coalesce(json_agg(row_to_json(d) order by d.day), '[]')::text as days
        from (
          select l.day, sum(l.rows) as rows, sum(l.sum)::text as sum, c.columns::jsonb as columns,
            c.day_column as "dayColumn", l.ended is not null as "isFound"
          from meter_sync.lost_at_remote as l
          join meter_sync.delivered_columns as c on c.id = l.columns_id
          where l.site = $1::text
            and (l.ended is null or l.ended = 'found')
          group by l.day, c.id, l.sum is null, l.ended is not null
        ) as d`,
      values: [siteId],
    }),
  );
  const days = JSON.parse(row?.days ?? '[]') as (Omit<LostDay, 'columns'> & { columns: [string, string][] })[];
  return days.map((day) => ({ ...day, columns: day.columns.map(([name, type]) => ({ name, type })) }));
}

/** Ends the loss of these days: the remote has their readings again. */
export async function noteFound(local: Database, siteId: string, days: readonly (string | null)[]): Promise<void> {
  await withTransaction(local, { isolation: 'read committed' }, (session) =>
    execute(session, {
      text: `
        update meter_sync.lost_at_remote
        set ended = 'found', ended_at = clock_timestamp()
        where site = $1::text
          and ended is null
          and coalesce(day, '') in (select coalesce(d.day, '') from unnest($2::text[]) as d(day))`,
      values: [siteId, days],
    }),
  );
}

/** Ends all losses of a site because a person says so, and keeps who and why. Answers with how many readings are written off. */
export async function writeOffLost(
  local: Database,
  siteId: string,
  { by, reason }: { readonly by: string; readonly reason: string },
): Promise<number> {
  const [row] = await withTransaction(local, { isolation: 'read committed' }, (session) =>
    run<{ rows: string }>(session, {
      text: `
        with ended as (
          update meter_sync.lost_at_remote
          set ended = 'written off', ended_at = clock_timestamp(), ended_by = $2::text, reason = $3::text
          where site = $1::text
            and ended is null
          returning rows
        )
        select coalesce(sum(rows), 0)::text as rows from ended`,
      values: [siteId, by, reason],
    }),
  );
  return Number(row?.rows);
}

/**
 * Takes readings off the losses that a record has brought to the remote again, the oldest loss of a day first. To be called in
 * the transaction that remembers the record.
 */
export async function takeOffLost(
  session: Session,
  siteId: string,
  { rows, days }: Pick<DeliveredBatch, 'rows' | 'days'>,
): Promise<void> {
  const parts: readonly { day: string | null; rows: number; sum: string | null }[] = days ?? [
    { day: null, rows, sum: null },
  ];
  for (const { day, rows: sent, sum } of parts) {
    let left = sent;
    for (const loss of await lockLosses(session, siteId, day)) {
      if (left === 0) break;
      const taken = Math.min(left, loss.rows);
      left -= taken;
      await execute(session, taken === loss.rows ? endLoss(loss.id) : lessenLoss(loss.id, taken, sum));
    }
  }
}

async function lockLosses(
  session: Session,
  siteId: string,
  day: string | null,
): Promise<{ id: string; rows: number }[]> {
  const found = await run<{ id: string; rows: string }>(session, {
    text: `
      select id::text as id, rows::text as rows
      from meter_sync.lost_at_remote
      where site = $1::text
        and ended is null
        and day is not distinct from $2::text
      order by id
      for update`,
    values: [siteId, day],
  });
  return found.map(({ id, rows }) => ({ id, rows: Number(rows) }));
}

function endLoss(id: string): Statement {
  const set = `ended = 'sent again', ended_at = clock_timestamp()`;
  return { text: `update meter_sync.lost_at_remote set ${set} where id = $1::bigint`, values: [id] };
}

function lessenLoss(id: string, rows: number, sum: string | null): Statement {
  const text = `update meter_sync.lost_at_remote set rows = rows - $2::bigint, sum = sum - $3::numeric where id = $1::bigint`;
  return { text, values: [id, rows, sum] };
}
