import type { TableRef } from '../../model/table.js';

/** Longer names are cut by PostgreSQL without a word. */
const MAX_NAME_BYTES = 63;

/** The parts of a text between separators, null when one is empty or a quote is left open. Quotes keep separators in. */
function splitNames(text: string, separator: '.' | ','): string[] | null {
  const bare = `[^"${separator}\\s](?:[^"${separator}]*[^"${separator}\\s])?`;
  const part = new RegExp(`\\s*(?:"((?:[^"]|"")+)"|(${bare}))\\s*([${separator}]|$)`, 'y');
  const names: string[] = [];
  for (;;) {
    const match = part.exec(text);
    if (match === null) return null;
    names.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '') return names;
  }
}

/** `table`, `schema.table`, or with quotes where a name holds a dot: `"my.schema".table`; null for anything else. */
export function parseTableName(text: string): TableRef | null {
  const names = splitNames(text, '.');
  if (names === null || !names.every(isName)) return null;
  const [first, second, ...more] = names;
  if (first === undefined || more.length > 0) return null;
  return second === undefined ? { schema: null, name: first } : { schema: first, name: second };
}

/** `column` or `column,other`; a name that holds a comma stands in quotes; null for anything else, doubles included. */
export function parseColumnNames(text: string): readonly string[] | null {
  const names = splitNames(text, ',');
  if (names === null || !names.every(isName) || new Set(names).size < names.length) return null;
  return names;
}

/** Texts with commas between them; one that holds a comma stands in quotes; null for anything else, doubles included. */
export function parseTexts(text: string): readonly string[] | null {
  const texts = splitNames(text, ',');
  return texts === null || new Set(texts).size < texts.length ? null : texts;
}

function isName(name: string): boolean {
  return name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= MAX_NAME_BYTES;
}

/** `UTC`, or a name with its region. PostgreSQL takes bare names such as CET for abbreviations, which know no summer time. */
const ZONE_NAME = /^(UTC|[A-Za-z_]+(\/[A-Za-z0-9_+-]+)+)$/;

/** True for the name of a time zone that means the same here, in PostgreSQL and everywhere. */
export function isTimeZone(name: string): boolean {
  if (!ZONE_NAME.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false; // a RangeError is the only way in which a zone is told to be unknown
  }
}
