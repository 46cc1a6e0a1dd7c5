import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident, literal, relation } from '../../../src/postgres/identifier.js';
import { hasIsoForm, isoUtc } from '../../../src/postgres/iso-utc.js';
import { type Database, run, runAll, type Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { plain } from '../../../src/postgres/statement.js';
import { TEXT_FORMS } from '../../../src/postgres/text-forms.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { isWaiting, orderInstant, type Place, placesOf, type Queue } from './queue.js';
import { useIndex } from './queue-index.js';

/** How much is queued, and since when. */
export interface QueueFigures {
  readonly queueSize: number;
  /** True when counting would have taken too long: then `queueSize` is what the planner expects. */
  readonly queueSizeIsEstimate: boolean;
  /** ISO 8601 UTC; null when the queue is empty, has no reading with such an instant, or finding it took too long. */
  readonly oldestUnsynced: string | null;
}

/** Up to here the queue is counted; beyond it nobody needs the last digit. */
const MAX_COUNTED = 100_000;
/** Counting and finding the oldest each end after this, so that both together stay within 200 ms. */
const MAX_STATEMENT_MS = 90;
/** A table of many partitions is counted section by section, as far as it comes in this time. */
const MAX_SECTIONS_MS = 3_000;

/**
 * Counts the queue, in 200 ms at most whatever its size.
 * @throws DatabaseFailure of the local side
 */
export async function readQueueFigures(local: Database, queue: Queue, signal: AbortSignal): Promise<QueueFigures> {
  const options = { isolation: 'repeatable read, read only', signal, opening: TEXT_FORMS } as const;
  return withTransaction(local, options, (session) => readFiguresOf(session, queue));
}

/** Nothing waits. */
export const NO_QUEUE: QueueFigures = { queueSize: 0, queueSizeIsEstimate: false, oldestUnsynced: null };

/** True when nothing waits. False says less: something waits, or that could not be found out. */
export async function isQueueEmpty(session: Session, queue: Queue): Promise<boolean> {
  try {
    for (const place of placesOf(queue)) if (!(await isEmpty(session, queue, place))) return false;
    return true;
  } catch {
    return false; // what reads the queue next fails for the same reason, and tells it better
  }
}

/** True when nothing waits above a place, or anywhere; false also when to find out would have taken too long. */
export async function isEmpty(session: Session, queue: Queue, place: Place | null): Promise<boolean> {
  const text = `select exists (${selectWaiting(queue, place)})::text as any`;
  const [found] = (await inTime<{ any: string }>(session, text, [useIndex().text])) ?? [];
  return found?.any === 'false';
}

/** The same in a transaction of the caller, which has set its text forms. */
export async function readFiguresOf(session: Session, queue: Queue): Promise<QueueFigures> {
  const { rows, isExact, first } = await countSections(session, queue);
  const text = first === undefined ? null : selectOldest(queue, first);
  const [oldest] = (text === null ? null : await inTime<{ oldest: string | null }>(session, text)) ?? [];
  return {
    queueSize: isExact ? rows : Math.max(await estimateWaiting(session, queue), rows),
    queueSizeIsEstimate: !isExact,
    oldestUnsynced: oldest?.oldest ?? null,
  };
}

/** What a count has come to. */
interface Counted {
  readonly rows: number;
  readonly isExact: boolean;
  /** Where the oldest reading is; undefined: none was found. */
  readonly first: Place | null | undefined;
}

async function countSections(session: Session, queue: Queue): Promise<Counted> {
  const endsAt = performance.now() + MAX_SECTIONS_MS;
  let rows = 0;
  let first: Place | null | undefined;
  for (const place of placesOf(queue)) {
    if (performance.now() > endsAt) return { rows, isExact: false, first };
    const [counted] = (await inTime<{ rows: string }>(session, countWaiting(queue, place))) ?? [];
    rows += Number(counted?.rows ?? 0);
    if (first === undefined && counted?.rows !== '0') first = place;
    if (counted === undefined || rows > MAX_COUNTED) return { rows, isExact: false, first };
  }
  return { rows, isExact: true, first };
}

/**
 * Runs a statement for a bounded time, in one message; null when that was not enough. The transaction is as before, whatever
 * happened: the locks of the statement are given back, too.
 */
async function inTime<Row>(session: Session, text: string, settings: readonly string[] = []): Promise<Row[] | null> {
  const before = ['savepoint figure', `set local statement_timeout to ${MAX_STATEMENT_MS}`, ...settings];
  try {
    const results = await runAll(session, [...before, text, ...UNDO]);
    return results[before.length] as Row[];
  } catch (error) {
    await runAll(session, UNDO).catch(() => undefined); // an error that is on its way says why
    if (error instanceof DatabaseFailure && error.sqlstate === SQLSTATE.queryCanceled) return null;
    throw error;
  }
}

const UNDO = ['rollback to savepoint figure', 'release savepoint figure'];

function countWaiting(queue: Queue, place: Place | null): string {
  return `select count(*)::text as rows from (${selectWaiting(queue, place)} limit ${MAX_COUNTED + 1}) as w`;
}

/** The planner's own expectation, from the statistics of the table and its size now; of many partitions what is known of them. */
async function estimateWaiting(session: Session, queue: Queue): Promise<number> {
  if (queue.cuts.length > 0) {
    const [known] = await run<{ rows: string }>(session, plain(selectKnownRows(queue)));
    return Number(known?.rows ?? 0);
  }
  const text = `explain (format json) ${selectWaiting(queue, null)}`;
  const [row] = await run<{ 'QUERY PLAN': string }>(session, plain(text));
  const [plan] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as { Plan: { 'Plan Rows': number } }[];
  return plan?.Plan['Plan Rows'] ?? 0;
}

/** To plan a statement over all partitions would lock them all. */
function selectKnownRows({ readings: { table } }: Queue): string {
  return `
    select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint::text as rows
    from pg_partition_tree(to_regclass(${literal(relation(table))})) as t
    join pg_catalog.pg_class c on c.oid = t.relid
    where t.isleaf`;
}

function selectWaiting(queue: Queue, place: Place | null): string {
  return `select from ${relation(queue.readings.table)} as r where ${isWaiting(queue, place)}`;
}

function selectOldest(queue: Queue, place: Place | null): string {
  if (!queue.orderIsTime) return 'select null as oldest';
  const order = `r.${ident(queue.readings.order)}`;
  return `
    select ${isoUtc(orderInstant(queue))} as oldest
    from ${relation(queue.readings.table)} as r
    where ${isWaiting(queue, place)} and ${hasIsoForm(order)}
    order by ${order}
    limit 1`;
}
