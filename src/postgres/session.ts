import type { Pool, PoolClient, QueryResult } from 'pg';
import type { Side } from '../model/failures.js';
import type { ServerWait, WaitLimits } from '../model/silence.js';
import { toDatabaseFailure } from './errors.js';
import type { Statement } from './statement.js';

/** One of a site's two databases: its pool, and which one it is, so that every error can say where it happened. */
export interface Database {
  readonly side: Side;
  readonly pool: Pool;
  /** Told when a connection waits for its server for long, and when that is over (null); absent: nobody is. */
  readonly onWait?: (connection: object, wait: ServerWait | null) => void;
  /** Where `WAIT_LIMITS` do not hold. */
  readonly limits?: Partial<WaitLimits>;
}

/** A connection of a database, checked out: for one transaction that whoever gave it begins and ends, or for several of its user's. */
export interface Session {
  readonly side: Side;
  readonly client: PoolClient;
}

/**
 * Runs a statement and answers with its rows; every value is text or null. The caller says what a row is, since the
 * statement is ours.
 * @throws DatabaseFailure of the session's side
 */
export async function run<Row>(session: Session, statement: Statement): Promise<Row[]> {
  return (await query(session, statement)).rows as Row[];
}

/**
 * Runs a statement that changes rows and answers with how many, as the server counted them.
 * @throws DatabaseFailure of the session's side
 */
export async function execute(session: Session, statement: Statement): Promise<number> {
  return (await query(session, statement)).rowCount ?? 0;
}

/**
 * Runs several statements in one message, which spares a trip for each: none of them takes parameters.
 * @returns the rows of each statement; every value is text or null
 * @throws DatabaseFailure of the session's side, for the first one that failed; those behind it were not run
 */
export async function runAll(session: Session, statements: readonly string[]): Promise<unknown[][]> {
  const answer = await query(session, { text: statements.join(';\n'), values: [] });
  const results: readonly QueryResult[] = Array.isArray(answer) ? answer : [answer];
  return results.map(({ rows }) => rows as unknown[]);
}

async function query({ client, side }: Session, { text, values }: Statement): Promise<QueryResult> {
  try {
    return await client.query({ text, values: [...values] });
  } catch (error) {
    throw toDatabaseFailure(error, side);
  }
}
