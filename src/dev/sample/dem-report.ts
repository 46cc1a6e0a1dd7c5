import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream';

/** One fact of a report, in the order of the file. */
export type DemEntry =
  /** A new point begins, `NZA12:CURRENT A`: the entries after it are its own. */
  | { readonly kind: 'point'; readonly point: string }
  /** A value, as it was printed, at a local time without a zone (given as if it were UTC, in milliseconds). */
  | { readonly kind: 'value'; readonly point: string; readonly localMs: number; readonly value: string }
  /** The logger lost values here and started again. */
  | { readonly kind: 'dataLoss'; readonly point: string }
  /** The point has nothing in the report's range. */
  | { readonly kind: 'noData'; readonly point: string }
  /** A line that no rule knows. */
  | { readonly kind: 'unreadable'; readonly line: number }
  /** The report says that it is whole. */
  | { readonly kind: 'end' };

const HEADER = /^(Trend Every|Date Range|Report Timings):/;
const DATE = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/;
const TIME = /^(\d{1,2}):(\d{2}):(\d{2})$/;

/**
 * Reads a trend report of a building automation system ("DEM report"): blocks of four header lines, then lines of date,
 * time, value and status, quoted or not.
 *
 * Nothing is dropped in silence: a line that no rule knows comes out as `unreadable`.
 */
export async function* readDemReport(lines: AsyncIterable<string>): AsyncGenerator<DemEntry> {
  let point = '';
  let line = 0;
  for await (const text of lines) {
    line += 1;
    const entry = toEntry(splitFields(text), point, line);
    if (entry?.kind === 'point') point = entry.point;
    if (entry) yield entry;
  }
}

/** The lines of a text file, whatever their ends; unpacked when its name ends in `.gz`. `onBytes` hears of each piece read. */
export async function* readLines(path: string, onBytes: (count: number) => void = () => {}): AsyncGenerator<string> {
  const file = createReadStream(path);
  file.on('data', (piece) => onBytes(piece.length));
  // An error of the file, too, comes out of the loop below: pipeline hands it on to the unpacked stream.
  const content = path.endsWith('.gz') ? pipeline(file, createGunzip(), () => undefined) : file;
  content.setEncoding('latin1'); // the system prints one byte a character
  let rest = '';
  for await (const piece of content) {
    const lines = (rest + (piece as string)).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function toEntry(fields: readonly string[], point: string, line: number): DemEntry | undefined {
  const [first = '', second = ''] = fields;
  if (first === 'Point Name:') return { kind: 'point', point: second };
  if (HEADER.test(first) || /^\**$/.test(first)) return undefined; // settings of the report, empty lines, rules
  if (/^\*+ End of Report \*+$/.test(first)) return { kind: 'end' };
  if (first === 'Data Loss') return { kind: 'dataLoss', point };
  if (first === 'No data in range specified.') return { kind: 'noData', point };
  const localMs = toLocalMs(first, second);
  const value = fields[2];
  if (localMs === undefined || value === undefined || point === '') return { kind: 'unreadable', line };
  return { kind: 'value', point, localMs, value };
}

function toLocalMs(date: string, time: string): number | undefined {
  const [d, t] = [DATE.exec(date), TIME.exec(time)];
  if (!d || !t) return undefined;
  const parts = [Number(d[3]), Number(d[1]) - 1, Number(d[2]), Number(t[1]), Number(t[2]), Number(t[3])] as const;
  const ms = Date.UTC(...parts);
  const back = new Date(ms); // 2/30 or 25:00 would roll over into another day
  return back.getUTCDate() === parts[2] && back.getUTCHours() === parts[3] ? ms : undefined;
}

/** Fields of one line: commas inside quotes belong to the field, blanks around it do not. */
function splitFields(line: string): string[] {
  return [...line.matchAll(/(?:^|,)\s*("(?:[^"]|"")*"|[^,]*)/g)].map(([, field = '']) => {
    const bare = field.trim();
    return (/^".*"$/.test(bare) ? bare.slice(1, -1).replaceAll('""', '"') : bare).trim();
  });
}
