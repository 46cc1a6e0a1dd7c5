import { parseType, type ParsedType } from './type-name.js';

/** How a column's values get from a local type into a remote one, and what that does to them. */
export interface Move {
  /**
   * `binary`: byte for byte, since both types have one binary form, and the remote one takes all of it or refuses.
   * `text`: as PostgreSQL prints it, which the remote type reads.
   */
  readonly by: 'binary' | 'text';
  /** The remote would store some values less exactly, without a word; a clause for people. */
  readonly rounds?: string;
  /** The remote refuses some values, and changes none; a clause for people. */
  readonly refuses?: string;
  /** The remote would cut blanks off the end of longer values: these must be refused instead. */
  readonly maxLength?: number;
  /** Instants with a zone on one side and without on the other: a zone must be known. */
  readonly crossesZone?: true;
}

/** What is known of a pair of types. */
export type Conversion =
  | Move
  /** Values would arrive as something else. */
  | { readonly by: 'nothing'; readonly because: string };

const BINARY: Move = { by: 'binary' };
const TEXT: Move = { by: 'text' };
const ROUNDS = 'which would round';
const ANOTHER_TYPE = nothing('which is another type');

/** Digits that an integer type can have. */
const INTEGER_DIGITS: Readonly<Record<string, number>> = { smallint: 5, integer: 10, bigint: 19 };
const MOMENT = /^(timestamp|time) with(out)? time zone$|^interval/;
/** What PostgreSQL keeps when a type says nothing: microseconds. */
const FULL_PRECISION = 6;

/** Types of different names, whose text is read by the other. */
const PAIRS: Readonly<Record<string, Move>> = {
  'smallint -> real': TEXT,
  'smallint -> double precision': TEXT,
  'integer -> double precision': TEXT,
  'real -> double precision': TEXT,
  'jsonb -> json': TEXT,
  'integer -> real': { by: 'text', rounds: ROUNDS },
  'bigint -> real': { by: 'text', rounds: ROUNDS },
  'bigint -> double precision': { by: 'text', rounds: ROUNDS },
  'double precision -> real': { by: 'text', rounds: ROUNDS },
  'numeric -> real': { by: 'text', rounds: ROUNDS },
  'numeric -> double precision': { by: 'text', rounds: ROUNDS },
  'real -> numeric': { by: 'text', rounds: 'which has no negative zero' },
  'double precision -> numeric': { by: 'text', rounds: 'which has no negative zero' },
  'json -> jsonb': { by: 'text', rounds: 'which does not keep the spelling' },
};

/**
 * How values move from a column of the type `local` to one of the type `remote`, both as `format_type` prints them.
 *
 * PostgreSQL rounds in silence when the remote type is narrower, and binary COPY trusts the bytes: a float8 lands in an
 * int8 of the same width as garbage. So a pair of types that is not known does not move.
 */
export function convert(local: string, remote: string): Conversion {
  if (local === remote) return BINARY;
  const from = parseType(local);
  const to = parseType(remote);
  if (!to.isArray && isAnyText(to)) return isText(from) && !from.isArray ? BINARY : TEXT;
  if (from.isArray !== to.isArray) return ANOTHER_TYPE;
  const conversion = isOneFamily(from, to) ? widen(from, to) : translate(from, to);
  return to.isArray && conversion.by !== 'nothing' ? forElements(conversion) : conversion;
}

/** True for `text`, and for `character varying` with any limit. */
export function isText({ base }: Pick<ParsedType, 'base'>): boolean {
  return base === 'text' || base === 'character varying';
}

/** Types that differ in their modifiers only, or in the name of the same text. */
function isOneFamily(from: ParsedType, to: ParsedType): boolean {
  const isSpan = from.base.startsWith('interval') && to.base.startsWith('interval');
  return from.base === to.base || (isText(from) && isText(to)) || isSpan;
}

function widen(from: ParsedType, to: ParsedType): Conversion {
  if (to.base === 'numeric') return widenNumeric(from, to);
  if (MOMENT.test(to.base)) return widenMoment(from, to);
  if (isText(to)) return widenText(from, to);
  const [length] = from.modifiers;
  const [remoteLength] = to.modifiers;
  const isWide = remoteLength === undefined || atLeast(remoteLength, length);
  if (to.base === 'character') return isWide ? BINARY : { by: 'binary', rounds: 'which is shorter' };
  if (to.base === 'bit varying') {
    return isWide ? BINARY : { by: 'binary', refuses: `which takes ${remoteLength} bits at most` };
  }
  return to.base === 'bit' ? nothing('which takes that length alone') : ANOTHER_TYPE;
}

/** A numeric rounds to its scale in silence; a value with too many digits before the point it refuses. */
function widenNumeric(from: ParsedType, to: ParsedType): Move {
  const [precision, scale = 0] = from.modifiers;
  const [remotePrecision, remoteScale = 0] = to.modifiers;
  if (remotePrecision === undefined) return BINARY;
  const isCut = precision === undefined || remoteScale < scale;
  const digits = precision === undefined ? undefined : precision - scale;
  return { by: 'binary', ...(isCut ? { rounds: ROUNDS } : {}), ...refuseDigits(remotePrecision - remoteScale, digits) };
}

/** What a remote numeric refuses of values that have `digits` before the point; undefined: any number of them. */
function refuseDigits(remoteDigits: number, digits: number | undefined): Pick<Move, 'refuses'> {
  if (atLeast(remoteDigits, digits)) return {};
  return { refuses: `which takes ${Math.max(0, remoteDigits)} digits before the point at most` };
}

/** An interval that names its fields drops all others, and an interval's own precision may stand behind its fields. */
function widenMoment(from: ParsedType, to: ParsedType): Move {
  const [digits = FULL_PRECISION] = from.modifiers;
  const [remoteDigits = FULL_PRECISION] = to.modifiers;
  if (to.base !== 'interval' && from.base !== to.base) return { by: 'binary', rounds: 'which keeps other fields' };
  return remoteDigits >= digits ? BINARY : { by: 'binary', rounds: ROUNDS };
}

/** A longer text is refused, unless only blanks are too many: these are cut off in silence, as the SQL standard wants. */
function widenText(from: ParsedType, to: ParsedType): Move {
  const [length] = from.modifiers;
  const [remoteLength] = to.modifiers;
  if (remoteLength === undefined || atLeast(remoteLength, length)) return BINARY;
  return { by: 'binary', refuses: `which takes ${remoteLength} characters at most`, maxLength: remoteLength };
}

function translate(from: ParsedType, to: ParsedType): Conversion {
  const digits = INTEGER_DIGITS[from.base];
  const remoteDigits = INTEGER_DIGITS[to.base];
  if (digits !== undefined && remoteDigits !== undefined) {
    return remoteDigits > digits ? TEXT : { by: 'text', refuses: `which takes the numbers of ${to.base} alone` };
  }
  if (digits !== undefined && to.base === 'numeric') return intoNumeric(digits, to);
  if (remoteDigits !== undefined && from.base === 'numeric') return intoInteger(from, to);
  if (isTimestamp(from) && isTimestamp(to)) {
    return { ...widenMoment({ ...from, base: to.base }, to), by: 'text', crossesZone: true };
  }
  const move = PAIRS[`${from.base} -> ${to.base}`];
  return move ?? ANOTHER_TYPE;
}

function intoNumeric(digits: number, to: ParsedType): Move {
  const [precision, scale = 0] = to.modifiers;
  if (precision === undefined) return TEXT;
  return { by: 'text', ...(scale < 0 ? { rounds: ROUNDS } : {}), ...refuseDigits(precision - scale, digits) };
}

/** A numeric without digits behind the point prints as an integer reads it. */
function intoInteger({ modifiers: [precision, scale = 0] }: ParsedType, to: ParsedType): Conversion {
  if (precision === undefined || scale > 0) return nothing('which takes whole numbers alone');
  return { by: 'text', refuses: `which takes the numbers of ${to.base} alone` };
}

/** The guard against cut blanks and the zone are for single values. */
function forElements({ maxLength, crossesZone, ...move }: Move): Conversion {
  if (crossesZone === true) return nothing('and a zone is applied to single values alone');
  return maxLength === undefined ? move : { by: move.by, rounds: 'which would cut blanks off longer elements' };
}

function isTimestamp({ base }: ParsedType): boolean {
  return base.startsWith('timestamp ');
}

/** True for `text`, and for `character varying` without a limit. */
function isAnyText(type: ParsedType): boolean {
  return isText(type) && type.modifiers.length === 0;
}

/** False also when the local type has no limit. */
function atLeast(remote: number, local: number | undefined): boolean {
  return local !== undefined && remote >= local;
}

function nothing(because: string): { readonly by: 'nothing'; readonly because: string } {
  return { by: 'nothing', because };
}
