import type { FailureKind } from '../model/failures.js';

/** The codes that statements of ours look for. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const SQLSTATE = {
  featureNotSupported: '0A000',
  invalidParameter: '22023',
  foreignKeyViolation: '23503',
  uniqueViolation: '23505',
  checkViolation: '23514',
  exclusionViolation: '23P01',
  readOnly: '25006',
  insufficientPrivilege: '42501',
  undefinedObject: '42704',
  undefinedTable: '42P01',
  undefinedColumn: '42703',
  queryCanceled: '57014',
} as const;

/** Exact codes come first, then classes (the first two characters). https://www.postgresql.org/docs/current/errcodes-appendix.html */
const KIND_OF_SQLSTATE: Readonly<Record<string, FailureKind>> = {
  '08P01': 'unexpected', // a protocol violation, such as too many parameters, is ours, and no link's
  '22P03': 'schema', // binary formats differ: the tables do, no row is bad
  '22P04': 'schema', // a COPY that its table does not understand
  '42501': 'credentials',
  '3D000': 'config', // the database of this name does not exist
  '55P03': 'busy',
  '55006': 'busy',
  '57014': 'busy', // a statement timeout, or somebody cancelled it
  '25006': 'schema', // a standby, or a database set to read only: nothing can be written
  '0A000': 'schema',
  '54000': 'data', // a value too long for an index, say
  P0001: 'data', // a trigger that refuses a row, in words of its own
  '08': 'unreachable',
  '57': 'unreachable',
  '40': 'busy',
  '53': 'busy',
  '55': 'busy',
  '58': 'busy', // the server's own disk
  '25': 'unreachable', // 25P03: the server ended an idle transaction, so the link stood still
  '28': 'credentials',
  '42': 'schema',
  '3F': 'schema',
  '22': 'data',
  '23': 'data',
  '44': 'data',
};

/** The codes that put a row's values at fault, for statements that must tell them from other errors on the server. */
export const DATA_SQLSTATES = {
  classes: codesOf('data', 2),
  codes: codesOf('data', 5),
  /** Of those classes, and still no row's fault. */
  except: Object.keys(KIND_OF_SQLSTATE).filter(
    (code) => code.length === 5 && KIND_OF_SQLSTATE[code] !== 'data' && KIND_OF_SQLSTATE[code.slice(0, 2)] === 'data',
  ),
} as const;

function codesOf(kind: FailureKind, length: number): string[] {
  return Object.keys(KIND_OF_SQLSTATE).filter((code) => code.length === length && KIND_OF_SQLSTATE[code] === kind);
}

/** The kind of failure that a code of PostgreSQL means. */
export function kindOfSqlstate(code: string): FailureKind {
  return KIND_OF_SQLSTATE[code] ?? KIND_OF_SQLSTATE[code.slice(0, 2)] ?? 'unexpected';
}
