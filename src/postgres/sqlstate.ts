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
  invalidColumnReference: '42P10',
  diskFull: '53100',
  outOfMemory: '53200',
  tooManyConnections: '53300',
  notInPrerequisiteState: '55000',
  lockNotAvailable: '55P03',
  queryCanceled: '57014',
  dataCorrupted: 'XX001',
  indexCorrupted: 'XX002',
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
  XX001: 'damaged',
  XX002: 'damaged',
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
  // Only functions of the database raise these: over a row, as we call none ourselves.
  '09': 'data',
  '20': 'data',
  '2F': 'data',
  '38': 'data',
  '39': 'data',
  P0: 'data', // a trigger that refuses a row in words of its own, asserts, or finds no row
};

/** PostgreSQL's own classes. A code of any other was made up by the author of a function, who raises it over a row. */
const OWN_CLASSES: readonly string[] = (
  '00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 ' +
  '53 54 55 57 58 72 F0 HV P0 XX'
).split(' ');

/** The codes that put a row's values at fault, for statements that must tell them from other errors on the server. */
export const DATA_SQLSTATES = {
  classes: codesOf('data', 2),
  codes: codesOf('data', 5),
  /** Of those classes, and still no row's fault. */
  except: Object.keys(KIND_OF_SQLSTATE).filter(
    (code) => code.length === 5 && KIND_OF_SQLSTATE[code] !== 'data' && KIND_OF_SQLSTATE[code.slice(0, 2)] === 'data',
  ),
  /** A code of a class that is none of these is a row's fault, too. */
  ownClasses: OWN_CLASSES,
} as const;

function codesOf(kind: FailureKind, length: number): string[] {
  return Object.keys(KIND_OF_SQLSTATE).filter((code) => code.length === length && KIND_OF_SQLSTATE[code] === kind);
}

/** True for a code that is none of PostgreSQL's: a function of the database has made it up. */
export function isMadeUp(code: string): boolean {
  return code.length === 5 && !OWN_CLASSES.includes(code.slice(0, 2));
}

/** The kind of failure that a code of PostgreSQL, or of a function of the database, means. */
export function kindOfSqlstate(code: string): FailureKind {
  const known = KIND_OF_SQLSTATE[code] ?? KIND_OF_SQLSTATE[code.slice(0, 2)];
  return known ?? (isMadeUp(code) ? 'data' : 'unexpected');
}
