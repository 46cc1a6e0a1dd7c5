import pg from 'pg';
import { UnsettledBatch } from '../model/upload-counts.js';
import type { FailureKind, FailurePlace, Side } from '../model/failures.js';
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
  /** What to do, where that is more than the kind alone can tell; null: what `FAILURE_RULES` says. */
  readonly next: string | null;

  constructor(
    kind: FailureKind,
    message: string,
    facts: Partial<FailurePlace> & {
      readonly sqlstate?: string | null;
      readonly copyLine?: number | null;
      readonly isOfRow?: boolean;
      readonly next?: string;
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
    this.next = facts.next ?? null;
  }
}

/** What Node's sockets and `pg` say when a server cannot be reached. */
const UNREACHABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
  'ENOENT', // a Unix socket that is not there
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
]);

/**
 * `pg` gives these of its own no code; each means that the connection is gone or was never had. An exception to the rule
 * that messages decide nothing: there is nothing else to decide by.
 */
const UNREACHABLE_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error',
  'Client was closed and is not queryable',
];

/** TLS problems: the certificate, or a server that speaks no TLS. Nothing to retry, somebody must mend it. */
const TLS_CODES = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;
const NO_TLS_MESSAGE = 'The server does not support SSL connections';

/** The kind of any error that `pg`, a socket or our own engines throw. */
export function toFailureKind(error: unknown): FailureKind {
  if (error instanceof DatabaseFailure) return error.kind;
  if (error instanceof UnsettledBatch) return 'schema'; // triggers, rules or row security of the tables; trying again sends all anew
  if (error instanceof AggregateError) return error.errors.length > 0 ? toFailureKind(error.errors[0]) : 'unreachable';
  if (!(error instanceof Error)) return 'unexpected';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (error instanceof pg.DatabaseError && isOfPooler(error)) return 'unreachable';
  if (error instanceof pg.DatabaseError) return kindOfSqlstate(code);
  if (UNREACHABLE_CODES.has(code)) return 'unreachable';
  if (TLS_CODES.test(code) || error.message.startsWith(NO_TLS_MESSAGE)) return 'credentials';
  return UNREACHABLE_MESSAGES.some((start) => error.message.startsWith(start)) ? 'unreachable' : 'unexpected';
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
 * the values of rows; so is what messages quote of values (class 22), and what functions of the database say in words of
 * their own. An error with such a message is no cause either: causes are logged.
 */
export function toDatabaseFailure(error: unknown, side: Side): DatabaseFailure {
  if (error instanceof DatabaseFailure) return error;
  const kind = toFailureKind(error);
  if (!(error instanceof pg.DatabaseError)) {
    return new DatabaseFailure(kind, `${side} database: ${describe(error)}`, { side, cause: error });
  }
  const { code = null, schema, table, column, constraint } = error;
  const message = toMessageWithoutValues(error);
  const tableName = table === undefined ? null : schema === undefined ? table : `${schema}.${table}`;
  return new DatabaseFailure(kind, `${side} database: ${message}`, {
    side,
    table: tableName,
    column: column ?? copyColumn(error) ?? null,
    constraint: constraint ?? null,
    sqlstate: code,
    copyLine: copyLine(error),
    isOfRow: isOfRow(error),
    ...(message === error.message ? { cause: error } : {}),
  });
}

/** What PostgreSQL says of an error, as far as its words go without the values of rows. */
type ErrorWords = Pick<pg.DatabaseError, 'code' | 'message' | 'where' | 'routine'>;

/** An error's message without the values that it quotes. */
export function toMessageWithoutValues(error: ErrorWords): string {
  if (error.routine === 'exec_stmt_raise' || RAISED.test(error.where ?? '')) return describeRaised(error);
  return error.code?.startsWith('22') === true ? describeDataError(error) : error.message;
}

/** The author of a trigger likes to say which value was wrong. The context names the function and the line, and no value. */
function describeRaised({ where = '' }: ErrorWords): string {
  const [, raisedBy = 'a function of the database'] = RAISED.exec(where) ?? [];
  return `${raisedBy} raised an error; its words are in the server's log`;
}

/** How the context of an error begins that a function has raised. */
const RAISED = /^(PL\/pgSQL function .+ line \d+) at (?:RAISE|ASSERT)/;

/** The server's own troubles, whichever statement meets them: its resources, a lock, somebody who ended it, a defect. */
const OF_SERVER = /^(08|40|53|57|58|XX)|^55P03$/;

function isOfRow({ code = '', where = '', routine }: pg.DatabaseError): boolean {
  if (code === SQLSTATE.insufficientPrivilege && routine === 'ExecWithCheckOptions') return true;
  return where.startsWith('PL/pgSQL function') && !OF_SERVER.test(code);
}

function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

/** "invalid input syntax for type integer: "abc"" quotes the value after the last colon. */
function describeDataError(error: ErrorWords): string {
  const column = copyColumn(error);
  const text = error.message
    .replace(/(: ".*)$/s, '')
    .replace(/"[^"]*"/gs, '...')
    .replace(/0x[\da-f]{2}( 0x[\da-f]{2})*/gi, '...');
  return column === undefined ? text : `${text} (column ${column})`;
}

/** The context of a COPY counts the rows it has read. */
function copyLine({ where = '' }: pg.DatabaseError): number | null {
  const [, line] = /^COPY [^,]+, line (\d+)/m.exec(where) ?? [];
  return line === undefined ? null : Number(line);
}

/** The context of a COPY names the column, and then quotes its value. */
function copyColumn(error: ErrorWords): string | undefined {
  return /^COPY [^,]+, line \d+, column ([^:]+)/.exec(error.where ?? '')?.[1];
}
