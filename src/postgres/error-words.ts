import type pg from 'pg';
import { isMadeUp, SQLSTATE } from './sqlstate.js';

/** What PostgreSQL says of an error. The fields are names of the protocol, the same in every language. */
export type ErrorWords = Pick<pg.DatabaseError, 'code' | 'message' | 'where' | 'routine'> &
  Partial<Pick<pg.DatabaseError, 'hint' | 'table' | 'column' | 'constraint' | 'dataType'>>;

/**
 * Classes whose messages hold names and no values of rows. Of every other class the message is made here, from the code and
 * the protocol's fields: what a server says in its own language cannot be freed from values.
 */
const SAY_NO_VALUES = new Set(['08', '0A', '25', '28', '3D', '3F', '40', '42', '53', '54', '55', '57', '58', 'XX']);
/** Codes and classes whose hints name settings and grants. Elsewhere a hint may come from a function, or help nobody here. */
const TELL_HINTS = new Set<string>(['53', '54', '55', SQLSTATE.insufficientPrivilege, 'XX']);
/** PL/pgSQL's own functions behind RAISE and ASSERT. */
const RAISING_ROUTINES = new Set(['exec_stmt_raise', 'exec_stmt_assert']);

/** An error's message without values of rows, whatever language the server speaks, and without the words of functions. */
export function toMessageWithoutValues(error: ErrorWords): string {
  const { code = '', message, hint } = error;
  if (!saysNoValues(error)) return isRaised(error) ? describeRaised(error) : describe(error);
  const isTold = hint !== undefined && (TELL_HINTS.has(code) || TELL_HINTS.has(code.slice(0, 2)));
  return isTold ? `${message.replace(/\.$/, '')}. ${hint}` : message;
}

/**
 * True when the server's own words hold no value of a row. In a function any message may be made of values: RAISE takes any
 * code, and statements are put together from values.
 */
export function saysNoValues({ code = '', where }: ErrorWords): boolean {
  return SAY_NO_VALUES.has(code.slice(0, 2)) && !isInFunction(where);
}

/** The context begins with what was nearest to the error: a COPY of ours, or a function and whatever it called. */
function isInFunction(where = ''): boolean {
  return where !== '' && !where.startsWith('COPY ');
}

/** True when a function of the database has raised the error in words of its own. */
function isRaised({ code = '', routine = '' }: Pick<ErrorWords, 'code' | 'routine'>): boolean {
  return RAISING_ROUTINES.has(routine) || code.startsWith('P0') || isMadeUp(code);
}

/** The author of a trigger likes to say which value was wrong. The context names the function and the line, and no value. */
function describeRaised({ where }: ErrorWords): string {
  return `${nameFunction(where) ?? 'a function of the database'} raised an error; its words are in the server's log`;
}

function describe(error: ErrorWords): string {
  const { code = '', where, table, constraint, dataType } = error;
  const column = error.column ?? copyPlace(where)?.column ?? undefined;
  const places = Object.entries({ table, column, type: dataType, constraint })
    .filter(([, name]) => name !== undefined)
    .map(([what, name]) => `${what} ${name}`);
  const raisedIn = nameFunction(where);
  return [
    toWords(code, constraint),
    places.length > 0 ? ` (${places.join(', ')})` : '',
    raisedIn === null ? '' : `, in ${raisedIn}`,
    ` [${code}]`,
  ].join('');
}

/** Our words for the codes that hold values in PostgreSQL's. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const WORDS: Readonly<Record<string, string>> = {
  '22001': 'a text is too long',
  '22003': 'a number is out of range',
  '22007': 'a value is not a date or time',
  '22008': 'a date or time is out of range',
  '22012': 'division by zero',
  '22021': 'a character is not in the encoding',
  '22023': 'a parameter is not valid',
  '22P02': 'a value is not of the type of its column',
  '22P03': 'a binary value is not of the type of its column',
  '22P04': 'the table does not understand the copied data',
  '22P05': 'a character has no equivalent in the encoding',
  '23001': 'other rows refer to the row',
  '23502': 'a value is missing',
  '23503': 'the row violates a foreign key constraint',
  '23505': 'another row has the value of a unique constraint',
  '23514': 'the row violates a check constraint',
  '23P01': 'the row violates an exclusion constraint',
  '22': 'a value is not valid',
  '23': 'the row violates a constraint',
  '44': 'a view does not take the row',
};

function toWords(code: string, constraint: string | undefined): string {
  if (code === SQLSTATE.checkViolation && constraint === undefined) return 'no partition takes the row';
  return WORDS[code] ?? WORDS[code.slice(0, 2)] ?? 'the statement failed';
}

/**
 * The function that was nearest to an error, and its line, by the shape of the context in every language: "PL/pgSQL", then
 * the signature, then the number of the line. Statements in a context are quoted, so nothing in quotes is looked at.
 */
function nameFunction(where = ''): string | null {
  const [line = ''] = where.split('\n');
  const [, signature, at] =
    /^[^"'«»„“(]*PL\/pgSQL[^"'«»„“(]*?([a-z_][\w$.]*\([^()"'«»„“]*\))\D*(\d+)?/.exec(line) ?? [];
  if (signature === undefined) return null;
  return `PL/pgSQL function ${signature}${at === undefined ? '' : ` line ${at}`}`;
}

/** Where a COPY was when it failed, from 1. */
interface CopyPlace {
  readonly line: number;
  readonly column: string | null;
}

/**
 * The context of a COPY counts the rows it has read, and names the column before it quotes the value: "COPY t, line 5,
 * column c: ...", "COPY t, Zeile 5, Spalte c: ...". Null where a language puts it in another shape.
 */
export function copyPlace(where = ''): CopyPlace | null {
  const [, line, column] =
    /^COPY [^,\n]+, [^\d,:"\n]+ (\d+)(?:, [^\s\d,:"]+ ([^:"\n]+?))?\s*(?::|$)/m.exec(where) ?? [];
  return line === undefined ? null : { line: Number(line), column: column ?? null };
}
