import pg, { type PoolClient, type QueryResult } from 'pg';
import type { Side } from '../model/failures.js';
import { cutConnection } from './cut-connection.js';
import { DatabaseFailure, toDatabaseFailure } from './errors.js';
import type { Database, Session } from './session.js';

type Isolation = 'read committed' | 'repeatable read' | 'repeatable read, read only';

/** For a transaction that holds a lock while others do the work, longer than some servers let a transaction idle. */
export const NEVER_IDLE = 'set local idle_in_transaction_session_timeout to 0';

/** What a transaction needs besides its work. */
interface TransactionOptions {
  readonly isolation: Isolation;
  /** When it aborts, the connection is cut, so that no statement keeps the caller waiting; the server rolls back. */
  readonly signal?: AbortSignal;
  /** A statement that waits longer for a lock fails with 55P03; absent: as the server has it. */
  readonly lockTimeoutMs?: number;
  /** True: the commit is on the server's disk before it is confirmed, also where the server would confirm it earlier. */
  readonly confirmOnDisk?: boolean;
  /** Statements in the message that begins the transaction, which spares a trip. They take no parameters. */
  readonly opening?: readonly string[];
}

/**
 * Runs `work` in one transaction: committed when it returns, rolled back when it throws.
 *
 * The first error is the one that is thrown: a rollback that fails only condemns the connection.
 * @param work is given the rows of each opening statement, too
 * @throws what `work` throws, or a DatabaseFailure of this side when connecting or committing fails
 */
export async function withTransaction<Result>(
  database: Database,
  options: TransactionOptions,
  work: (session: Session, opened: readonly unknown[][]) => Promise<Result>,
): Promise<Result> {
  return withConnection(database, options, async (session) => {
    const answer = await ofSide(database, () => session.client.query(toBegin(options)));
    const results: readonly QueryResult[] = Array.isArray(answer) ? answer : [answer];
    const opened = results.slice(results.length - (options.opening?.length ?? 0));
    const result = await work(
      session,
      opened.map(({ rows }) => rows as unknown[]),
    );
    if (!committed.delete(session)) await ofSide(database, () => commit(session, 'commit'));
    return result;
  });
}

/**
 * Off in each transaction of ours. The server decides by the planner's costs, and those of a plan that must go along an index
 * are beyond all measure: a batch of five readings was compiled for 640 ms (2026-11-27), those of a day for less in all.
 */
const NO_JIT = 'set local jit to off';

/** A server that confirms commits early does so for whoever asks for nothing else. */
const CONFIRM_ON_DISK = `select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'`;

/** One message, whatever it sets. */
function toBegin({ isolation, lockTimeoutMs, confirmOnDisk, opening = [] }: TransactionOptions): string {
  const settings = [
    NO_JIT,
    ...(lockTimeoutMs === undefined ? [] : [`set local lock_timeout to ${lockTimeoutMs}`]),
    ...(confirmOnDisk === true ? [CONFIRM_ON_DISK] : []),
    ...opening,
  ];
  return [`begin isolation level ${isolation}`, ...settings].join('; ');
}

/** Sessions whose work has committed its own transaction. */
const committed = new WeakSet<Session>();

/**
 * Runs the last statements of a transaction and its commit in one message, which spares a trip: an error of a statement
 * keeps the commit from being reached. They take no parameters. The work of the transaction must return after them.
 * @returns the rows of the last statement; every value is text or null
 * @throws DatabaseFailure of the session's side; when the answer was lost, the commit may have gone either way
 */
export async function commitWith<Row>(session: Session, text: string): Promise<Row[]> {
  const rows = await ofSide(session, () => commit(session, `${text}; commit`));
  committed.add(session);
  return rows as Row[];
}

/**
 * Runs `work` on a connection of its own, outside a transaction; what it left open is rolled back when it throws.
 * @throws what `work` throws, or a DatabaseFailure of this side when connecting fails
 */
export async function withConnection<Result>(
  database: Database,
  options: { readonly signal?: AbortSignal | undefined },
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  options.signal?.throwIfAborted();
  const { side } = database;
  const client = await ofSide(database, () => database.pool.connect());
  let broken: Error | undefined;
  const onError = (error: Error): void => {
    broken ??= error;
  };
  client.on('error', onError); // a lost connection reaches a checked-out client as an event; unheard, it ends the process
  const stopListening = cutOnAbort(client, options.signal, onError);
  try {
    return await work({ side, client });
  } catch (failure) {
    const error = sayWhy(failure, broken, side);
    await client.query('rollback').catch(onError); // `error` says why; the rollback's own failure only condemns the client
    throw error;
  } finally {
    stopListening();
    client.off('error', onError);
    client.release(broken); // given an error, the pool discards the client
  }
}

/** A server that ends a connection says why, and that comes as an event; the statement after it knows only that it is gone. */
function sayWhy(failure: unknown, broken: Error | undefined, side: Side): unknown {
  const isLoss = failure instanceof DatabaseFailure && failure.kind === 'unreachable' && failure.sqlstate === null;
  if (!isLoss || failure.place.side !== side || !(broken instanceof pg.DatabaseError)) return failure;
  return toDatabaseFailure(broken, side);
}

/** `commit` of a transaction that a statement has broken answers ROLLBACK, and no error. */
async function commit({ client, side }: Session, text: string): Promise<unknown[]> {
  const answer: QueryResult | QueryResult[] = await client.query(text);
  const results = Array.isArray(answer) ? answer : [answer];
  if (results.at(-1)?.command === 'COMMIT') return results.at(-2)?.rows ?? [];
  throw new DatabaseFailure('unexpected', `${side} database: the transaction was rolled back at its commit`, { side });
}

async function ofSide<Result>({ side }: { readonly side: Side }, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw toDatabaseFailure(error, side);
  }
}

function cutOnAbort(client: PoolClient, signal: AbortSignal | undefined, onError: (error: Error) => void): () => void {
  if (signal === undefined) return () => undefined;
  const cut = (): void => {
    onError(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    cutConnection(client);
  };
  signal.addEventListener('abort', cut, { once: true });
  return () => signal.removeEventListener('abort', cut);
}
