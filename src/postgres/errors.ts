import pg from 'pg';
import { UnsettledBatch } from '../model/upload-counts.js';
import type { FailureKind, FailurePlace, Side } from '../model/failures.js';
import { adviseOn } from './advice.js';
import { ConnectionProblem, judgeConnection } from './connection-problem.js';
import { copyPlace, saysNoValues, toMessageWithoutValues } from './error-words.js';
import { kindOfSqlstate, SQLSTATE } from './sqlstate.js';

/** A failure of one of the two databases, or a fact about their tables, with its kind. The original is the `cause`. */
export class DatabaseFailure extends Error {
  override readonly name = 'DatabaseFailure';
  readonly kind: FailureKind;
  readonly place: FailurePlace;
  readonly sqlstate: string | null;
  /** The row of a COPY that was refused, from 1; null when it was none, or the server did not say. */
  readonly copyLine: number | null;
  /** True when a function of the database failed over a row, a trigger most often, or a policy did not let the row in. */
  readonly isOfRow: boolean;
  /** True when a server was given up that had sent nothing for long: it is not tried again within the cycle. */
  readonly isSilence: boolean;
  /** What to do, where that is more than the kind alone can tell; null: what `FAILURE_RULES` says. */
  readonly next: string | null;

  constructor(
    kind: FailureKind,
    message: string,
    facts: Partial<FailurePlace> & {
      readonly sqlstate?: string | null;
      readonly copyLine?: number | null;
      readonly isOfRow?: boolean;
      readonly isSilence?: boolean;
      readonly next?: string | null;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: facts.cause });
    this.kind = kind;
    this.place = {
      side: facts.side ?? null,
      table: facts.table ?? null,
      column: facts.column ?? null,
      constraint: facts.constraint ?? null,
    };
    this.sqlstate = facts.sqlstate ?? null;
    this.copyLine = facts.copyLine ?? null;
    this.isOfRow = facts.isOfRow ?? false;
    this.isSilence = facts.isSilence ?? false;
    this.next = facts.next ?? null;
  }
}

/** The kind of any error that `pg`, a socket or our own engines throw. */
export function toFailureKind(error: unknown): FailureKind {
  if (error instanceof DatabaseFailure || error instanceof ConnectionProblem) return error.kind;
  if (error instanceof UnsettledBatch) return 'schema'; // triggers, rules or row security of the tables; trying again sends all anew
  if (error instanceof AggregateError) return error.errors.length > 0 ? toFailureKind(error.errors[0]) : 'unreachable';
  if (error instanceof pg.DatabaseError) return isOfPooler(error) ? 'unreachable' : kindOfSqlstate(error.code ?? '');
  return (error instanceof Error ? judgeConnection(error)?.kind : undefined) ?? 'unexpected';
}

/**
 * PgBouncer gives its own errors this code, whatever they are: "server conn crashed?", "query_wait_timeout". The server
 * names the routine that has found an error, and PgBouncer has none.
 */
function isOfPooler({ code, routine }: pg.DatabaseError): boolean {
  return code === '08P01' && routine === undefined;
}

/**
 * Any error of one database as a `DatabaseFailure` that names the side. PostgreSQL's `detail` is left out, since it holds
 * the values of rows; so are messages that may quote some, in whatever language, and what functions of the database say in
 * words of their own. An error with such a message is no cause either: causes are logged.
 */
export function toDatabaseFailure(error: unknown, side: Side): DatabaseFailure {
  if (error instanceof DatabaseFailure) return error;
  if (!(error instanceof pg.DatabaseError)) return toConnectionFailure(error, side);
  const { code = null, schema, table, column, constraint, where } = error;
  const message = toMessageWithoutValues(error);
  const copied = copyPlace(where);
  const kind = toFailureKind(error);
  return new DatabaseFailure(kind, `${side} database: ${message}`, {
    side,
    table: table === undefined ? null : schema === undefined ? table : `${schema}.${table}`,
    column: column ?? copied?.column ?? null,
    constraint: constraint ?? null,
    sqlstate: code,
    copyLine: copied?.line ?? null,
    isOfRow: isOfRow(error),
    next: adviseOn(error),
    ...(where === undefined && saysNoValues(error) ? { cause: error } : {}), // the context of a COPY quotes its row
  });
}

/** What is no server's answer: a connection that failed, or a defect. */
function toConnectionFailure(error: unknown, side: Side): DatabaseFailure {
  const judged = error instanceof Error ? judgeConnection(error) : null;
  const next = error instanceof ConnectionProblem ? error.next : (judged?.next ?? null);
  const message = judged?.message ?? describe(error);
  return new DatabaseFailure(toFailureKind(error), `${side} database: ${message}`, { side, next, cause: error });
}

/** Of a name with several addresses: what became of each. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(describe).join('; ');
  return error instanceof Error ? error.message : String(error);
}

/** The server's own troubles, whichever statement meets them: its resources, a lock, somebody who ended it, a defect. */
const OF_SERVER = /^(08|40|53|57|58|XX)|^55P03$/;
/** The context of an error that a function has met, in every language; statements in it are quoted. */
const IN_FUNCTION = /^[^"'«»„“\n]*PL\//;

function isOfRow({ code = '', where = '', routine }: pg.DatabaseError): boolean {
  if (code === SQLSTATE.insufficientPrivilege && routine === 'ExecWithCheckOptions') return true;
  return IN_FUNCTION.test(where) && !OF_SERVER.test(code);
}
