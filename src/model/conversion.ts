/** How a column's values get from a local type into a remote one. */
type Conversion =
  /** Byte for byte: both types have one binary form, and the remote one takes all of it or refuses. */
  | { readonly by: 'binary' }
  /** As binary, but the remote would cut blanks off the end of longer values: these must be refused instead. */
  | { readonly by: 'binary'; readonly maxLength: number }
  /** As the text that PostgreSQL prints, which the remote type reads without loss, or refuses. */
  | { readonly by: 'text' }
  /** Values would arrive changed, or as something else. */
  | { readonly by: 'nothing'; readonly because: string };

/** A type as `format_type` prints it, in its parts. */
interface ParsedType {
  /** Without modifiers and brackets: `timestamp with time zone`. */
  readonly base: string;
  readonly modifiers: readonly number[];
  readonly isArray: boolean;
}

const BINARY: Conversion = { by: 'binary' };
const TEXT: Conversion = { by: 'text' };
const ANOTHER_TYPE = nothing('which is another type');

const INTEGERS = ['smallint', 'integer', 'bigint'];
const MOMENT = /^(timestamp|time) with(out)? time zone$|^interval$/;
/** What PostgreSQL keeps when a type says nothing: microseconds. */
const FULL_PRECISION = 6;

/** Types of different names whose text is read without loss; whatever does not fit is refused. */
const SAFE_PAIRS = new Set([
  ...INTEGERS.flatMap((local) => INTEGERS.map((remote) => `${local} -> ${remote}`)),
  ...INTEGERS.map((local) => `${local} -> numeric`),
  'smallint -> real', // a wider integer would round
  'smallint -> double precision',
  'integer -> double precision',
  'real -> double precision',
  'jsonb -> json',
]);

/**
 * How values move from a column of the type `local` to one of the type `remote`, both as `format_type` prints them.
 *
 * PostgreSQL rounds in silence when the remote type is narrower, and binary COPY trusts the bytes: a float8 lands in an
 * int8 of the same width as garbage. So a pair of types that is not known to be safe does not move.
 */
export function convert(local: string, remote: string): Conversion {
  if (local === remote) return BINARY;
  const from = parseType(local);
  const to = parseType(remote);
  if (!to.isArray && isAnyText(to)) return isText(from) && !from.isArray ? BINARY : TEXT;
  if (from.isArray !== to.isArray) return ANOTHER_TYPE;
  const conversion = from.base === to.base || (isText(from) && isText(to)) ? widen(from, to) : translate(from, to);
  const cannotGuard = to.isArray && 'maxLength' in conversion;
  return cannotGuard ? nothing('which would cut blanks off longer elements') : conversion;
}

/** Types that differ in their modifiers only, or in the name of the same text. */
function widen(from: ParsedType, to: ParsedType): Conversion {
  if (to.base === 'numeric') return widenNumeric(from, to);
  if (MOMENT.test(to.base)) return widenMoment(from, to);
  if (isText(to)) return widenText(from, to);
  const [length] = from.modifiers;
  const [remoteLength] = to.modifiers;
  if (to.base === 'character') return atLeast(remoteLength, length) ? BINARY : nothing('which is shorter');
  if (to.base === 'bit varying') {
    return remoteLength === undefined || atLeast(remoteLength, length) ? BINARY : nothing('which is shorter');
  }
  return to.base === 'bit' ? nothing('which takes that length alone') : ANOTHER_TYPE;
}

/** A numeric rounds to its scale in silence; a value with too many digits before the point it refuses. */
function widenNumeric(from: ParsedType, to: ParsedType): Conversion {
  const [, scale] = from.modifiers;
  const [, remoteScale] = to.modifiers;
  return remoteScale === undefined || atLeast(remoteScale, scale) ? BINARY : nothing('which would round');
}

function widenMoment(from: ParsedType, to: ParsedType): Conversion {
  const [digits = FULL_PRECISION] = from.modifiers;
  const [remoteDigits = FULL_PRECISION] = to.modifiers;
  return remoteDigits >= digits ? BINARY : nothing('which would round');
}

/** A longer text is refused, unless only blanks are too many: these are cut off in silence, as the SQL standard wants. */
function widenText(from: ParsedType, to: ParsedType): Conversion {
  const [length] = from.modifiers;
  const [remoteLength] = to.modifiers;
  if (remoteLength === undefined) return BINARY;
  return atLeast(remoteLength, length) ? BINARY : { by: 'binary', maxLength: remoteLength };
}

function translate(from: ParsedType, to: ParsedType): Conversion {
  if (from.base === 'double precision' && to.base === 'real') return nothing('which would round');
  if (from.base.startsWith('interval') && to.base === 'interval') return widenMoment({ ...from, modifiers: [] }, to);
  if (!SAFE_PAIRS.has(`${from.base} -> ${to.base}`)) return ANOTHER_TYPE;
  const [, scale] = to.modifiers;
  return scale !== undefined && scale < 0 ? nothing('which would round') : TEXT;
}

/** True for `text`, and for `character varying` without a limit. */
function isAnyText(type: ParsedType): boolean {
  return isText(type) && type.modifiers.length === 0;
}

function isText({ base }: ParsedType): boolean {
  return base === 'text' || base === 'character varying';
}

/** False also when the local type has no limit. */
function atLeast(remote: number | undefined, local: number | undefined): boolean {
  return remote !== undefined && local !== undefined && remote >= local;
}

function nothing(because: string): Conversion {
  return { by: 'nothing', because };
}

function parseType(text: string): ParsedType {
  const [, base = text, modifiers, zone = '', brackets] =
    /^(.+?)(?:\((-?\d+(?:,-?\d+)*)\))?( with(?:out)? time zone)?((?:\[\])+)?$/.exec(text) ?? [];
  return {
    base: base + zone,
    modifiers: modifiers === undefined ? [] : modifiers.split(',').map(Number),
    isArray: brackets !== undefined,
  };
}
