import pg, { type PoolClient, type QueryResult } from 'pg';
import type { Side } from '../model/failures.js';
import { cutConnection } from './cut-connection.js';
import { DatabaseFailure, toDatabaseFailure } from './errors.js';
import type { Database, Session } from './session.js';
import { watchConnection } from './watch-connection.js';

type Isolation = 'read committed' | 'repeatable read' | 'repeatable read, read only';

/** What a transaction needs besides its work. */
interface TransactionOptions {
  readonly isolation: Isolation;
  /** When it aborts, the connection is cut, so that no statement keeps the caller waiting; the server rolls back. */
  readonly signal?: AbortSignal;
  /** A statement that waits longer for a lock fails with 55P03; absent: {@link LOCK_TIMEOUT_MS}. */
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
const NO_JIT = { jit: 'off' };

/** A server that confirms commits early does so for whoever asks for nothing else. */
const CONFIRM_ON_DISK = `select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'`;

/** So that three tries end within about a minute: the other operations of the cycle must not wait for whoever holds a lock. */
export const LOCK_TIMEOUT_MS = 20_000;

/**
 * What keeps a transaction from outliving its link, and a role's limit from ending it too early; one statement, of few bytes.
 * - The server probes a link that is still for 30 s, and lets go of one that has acknowledged nothing for a minute: within two
 *   minutes, with all locks of the transaction, which it would else hold for the two hours that Linux waits. A Unix socket has no need.
 * - One end of a batch or a download idles while the other one works, for longer than some roles may idle. An hour is longer
 *   than any wait of ours; a session that a proxy keeps for us after we have gone ends with it.
 */
const HOLD_LINK_SETTINGS = {
  tcp_keepalives_idle: '30',
  tcp_user_timeout: '1min',
  idle_in_transaction_session_timeout: '1h',
};

/** The same for a transaction that is begun elsewhere. */
export const HOLD_LINK = toSettings(HOLD_LINK_SETTINGS);

/** One statement for all of them: fewer bytes than one for each. */
function toSettings(settings: Readonly<Record<string, string>>): string {
  const calls = Object.entries(settings).map(([name, value]) => `set_config('${name}','${value}',true)`);
  return `select ${calls.join('||')}`;
}

/** One message, whatever it sets. */
function toBegin({
  isolation,
  lockTimeoutMs = LOCK_TIMEOUT_MS,
  confirmOnDisk,
  opening = [],
}: TransactionOptions): string {
  const settings = [
    toSettings({ ...NO_JIT, ...HOLD_LINK_SETTINGS, lock_timeout: String(lockTimeoutMs) }),
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
  const watch = watchConnection(database, client, (why) => {
    onError(why);
    cutConnection(client);
  });
  try {
    return await work({ side, client });
  } catch (failure) {
    const error = watch.explain(sayWhy(failure, broken, side));
    watch.hurry();
    await client.query('rollback').catch(onError); // `error` says why; the rollback's own failure only condemns the client
    throw error;
  } finally {
    stopListening();
    watch.stop();
    client.off('error', onError);
    client.release(broken); // given an error, the pool discards the client
  }
}

/**
 * A server that ends a connection says why, and that comes as an event; one that is given up for its silence was cut by us. The
 * statement that meets it knows only that the connection is gone.
 */
function sayWhy(failure: unknown, broken: Error | undefined, side: Side): unknown {
  const isLoss = failure instanceof DatabaseFailure && failure.kind === 'unreachable' && failure.sqlstate === null;
  if (!isLoss || failure.place.side !== side) return failure;
  return broken instanceof pg.DatabaseError || broken instanceof DatabaseFailure
    ? toDatabaseFailure(broken, side)
    : failure;
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
