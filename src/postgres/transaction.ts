import type { PoolClient } from 'pg';
import { toDatabaseFailure } from './errors.js';
import type { Database, Session } from './session.js';

export type Isolation = 'read committed' | 'repeatable read' | 'repeatable read, read only';

/** What a transaction needs besides its work. */
export interface TransactionOptions {
  readonly isolation: Isolation;
  /** When it aborts, the connection is cut, so that no statement keeps the caller waiting; the server rolls back. */
  readonly signal?: AbortSignal;
}

/**
 * Runs `work` in one transaction: committed when it returns, rolled back when it throws.
 *
 * The first error is the one that is thrown: a rollback that fails only condemns the connection.
 * @throws what `work` throws, or a DatabaseFailure of this side when connecting or committing fails
 */
export async function withTransaction<Result>(
  database: Database,
  options: TransactionOptions,
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
    await ofSide(database, () => client.query(`begin isolation level ${options.isolation}`));
    const result = await work({ side, client });
    await ofSide(database, () => client.query('commit'));
    return result;
  } catch (error) {
    await client.query('rollback').catch(onError); // `error` says why; the rollback's own failure only condemns the client
    throw error;
  } finally {
    stopListening();
    client.off('error', onError);
    client.release(broken); // given an error, the pool discards the client
  }
}

async function ofSide<Result>({ side }: Database, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw toDatabaseFailure(error, side);
  }
}

/**
 * `pg` cannot cancel a query, and a cancel request over a dead link helps nobody: the socket is destroyed, so that
 * everything that waits on it fails at once.
 */
function cutOnAbort(client: PoolClient, signal: AbortSignal | undefined, onError: (error: Error) => void): () => void {
  if (signal === undefined) return () => undefined;
  const cut = (): void => {
    onError(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  };
  signal.addEventListener('abort', cut, { once: true });
  return () => signal.removeEventListener('abort', cut);
}
