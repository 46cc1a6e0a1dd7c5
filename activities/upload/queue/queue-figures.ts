import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident, relation } from '../../../src/postgres/identifier.js';
import { hasIsoForm, isoUtc } from '../../../src/postgres/iso-utc.js';
import { type Database, run, runAll, type Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { plain } from '../../../src/postgres/statement.js';
import { TEXT_FORMS } from '../../../src/postgres/text-forms.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { isWaiting, orderInstant, type Queue } from './queue.js';
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
  const text = `select exists (${selectWaiting(queue)})::text as any`;
  try {
    const [found] = (await inTime<{ any: string }>(session, text, [useIndex().text])) ?? [];
    return found?.any === 'false';
  } catch {
    return false; // what reads the queue next fails for the same reason, and tells it better
  }
}

/** The same in a transaction of the caller, which has set its text forms. */
export async function readFiguresOf(session: Session, queue: Queue): Promise<QueueFigures> {
  const [counted] = (await inTime<{ rows: string }>(session, countWaiting(queue))) ?? [];
  const rows = counted === undefined ? null : Number(counted.rows);
  const isExact = rows !== null && rows <= MAX_COUNTED;
  const [oldest] = rows === 0 ? [] : ((await inTime<{ oldest: string | null }>(session, selectOldest(queue))) ?? []);
  return {
    queueSize: isExact ? rows : Math.max(await estimateWaiting(session, queue), rows ?? 0),
    queueSizeIsEstimate: !isExact,
    oldestUnsynced: oldest?.oldest ?? null,
  };
}

/** Runs a statement for a bounded time, in one message; null when that was not enough. The transaction is as before, whatever happened. */
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

function countWaiting(queue: Queue): string {
  return `select count(*)::text as rows from (${selectWaiting(queue)} limit ${MAX_COUNTED + 1}) as w`;
}

/** The planner's own expectation, from the statistics of the table and its size now. */
async function estimateWaiting(session: Session, queue: Queue): Promise<number> {
  const [row] = await run<{ 'QUERY PLAN': string }>(session, plain(`explain (format json) ${selectWaiting(queue)}`));
  const [plan] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as { Plan: { 'Plan Rows': number } }[];
  return plan?.Plan['Plan Rows'] ?? 0;
}

function selectWaiting(queue: Queue): string {
  return `select from ${relation(queue.readings.table)} as r where ${isWaiting(queue)}`;
}

function selectOldest(queue: Queue): string {
  if (!queue.orderIsTime) return 'select null as oldest';
  const order = `r.${ident(queue.readings.order)}`;
  return `
    select ${isoUtc(orderInstant(queue))} as oldest
    from ${relation(queue.readings.table)} as r
    where ${isWaiting(queue)} and ${hasIsoForm(order)}
    order by ${order}
    limit 1`;
}
