import { finished } from 'node:stream/promises';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { CopyEnd } from './copy.js';
import { toDatabaseFailure } from './errors.js';

/** However long the lines are, a batch has no more characters than these and one line. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

/**
 * All rows that a `copy ... to stdout` in text format gives, one line each, so many at a time: a line feed inside a value
 * is escaped. Memory stays flat: while a batch is worked on, the server waits.
 * @throws DatabaseFailure of the session's side
 */
export async function* readCopyBatches({ session, text }: CopyEnd, size: number): AsyncGenerator<string[]> {
  let lines: string[] = [];
  let characters = 0;
  try {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of session.client.query(copyTo(text))) {
      const parts = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        characters += line.length;
        if (lines.length < size && characters < MAX_CHARACTERS) continue;
        yield lines;
        [lines, characters] = [[], 0];
      }
    }
  } catch (error) {
    throw toDatabaseFailure(error, session.side);
  }
  if (lines.length > 0) yield lines;
}

/**
 * Sends lines to a `copy ... from stdin` in text format: all of them are taken, or none.
 * @throws DatabaseFailure of the session's side
 */
export async function writeCopyLines({ session, text }: CopyEnd, lines: readonly string[]): Promise<void> {
  try {
    const writer = session.client.query(copyFrom(text));
    writer.end(lines.map((line) => `${line}\n`).join(''));
    await finished(writer);
  } catch (error) {
    throw toDatabaseFailure(error, session.side);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** The first values of a line, as PostgreSQL printed them; null where there is none. */
export function readCopyFields(line: string, count: number): (string | null)[] {
  return line
    .split('\t', count)
    .map((field) => (field === '\\N' ? null : field.replace(/\\(.)/gs, (_, char: string) => ESCAPES[char] ?? char)));
}
