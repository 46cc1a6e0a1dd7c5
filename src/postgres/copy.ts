import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Readable, Writable } from 'node:stream';
import type { Side } from '../model/failures.js';
import { cutConnection } from './cut-connection.js';
import { toDatabaseFailure } from './errors.js';
import type { Session } from './session.js';

/** One end of a copy: a session in a transaction, and its `copy ... to stdout` or `copy ... from stdin`. */
export interface CopyEnd {
  readonly session: Session;
  readonly text: string;
}

/** How many rows each server counted. */
export interface CopyCounts {
  readonly sent: number;
  readonly received: number;
}

/** What takes note of every byte that passes, such as a hash. */
export interface ByteSink {
  update(bytes: Buffer): unknown;
}

/** What a copy does besides. */
export interface CopyOptions {
  readonly sinks?: readonly ByteSink[];
  /** Both statements are sent at once; no row passes before this settles, so that their trips cost no time. */
  readonly mayStart?: () => Promise<unknown>;
  /** Told when the source has given its last row: the target may still be at work on many of them. */
  readonly onSent?: () => void;
}

/** Large enough that the sockets set the pace; a million rows then need 70 MB of memory in all. */
const BUFFER_BYTES = 256 * 1024;

/**
 * Streams what one COPY gives straight into another one. Nothing is parsed, memory stays flat.
 *
 * The end of a stream ends a COPY as if it were complete. So when the source fails, the target's connection is cut: its
 * transaction cannot commit. When the target fails, the source is read to its end, so that its transaction lives on in
 * the same snapshot. To stop early, let the signal of either transaction cut its connection.
 * @throws DatabaseFailure of the side that failed first
 */
export async function copyBetween(
  source: CopyEnd,
  target: CopyEnd,
  { sinks = [], mayStart, onSent }: CopyOptions = {},
): Promise<CopyCounts> {
  const reader = source.session.client.query(copyTo(source.text, { highWaterMark: BUFFER_BYTES }));
  const writer = target.session.client.query(copyFrom(target.text, { highWaterMark: BUFFER_BYTES }));
  const failures: { readonly side: Side; readonly error: unknown }[] = [];
  const read = whenReady(reader, (error) => {
    failures.push({ side: source.session.side, error });
    cutConnection(target.session.client);
  });
  const written = whenFinished(writer, (error) => {
    failures.push({ side: target.session.side, error });
    reader.unpipe(writer);
    writer.destroy(); // drops what it still holds; it would write that to a connection it no longer has
    reader.resume();
  });
  await mayStart?.().catch((error: unknown) => {
    for (const { session } of [source, target]) cutConnection(session.client); // both wait inside a statement
    throw error;
  });
  for (const sink of sinks) reader.on('data', (bytes: Buffer) => void sink.update(bytes));
  if (onSent !== undefined) reader.once('end', onSent);
  reader.pipe(writer);
  await Promise.all([read, written]);
  const [first] = failures;
  if (first !== undefined) throw toDatabaseFailure(first.error, first.side);
  return { sent: reader.rowCount, received: writer.rowCount };
}

/**
 * Reads what one COPY gives, and hands every byte to `sink`. Memory stays flat.
 * @throws DatabaseFailure of the side
 */
export async function copyOut({ session, text }: CopyEnd, sink: ByteSink): Promise<void> {
  const reader = session.client.query(copyTo(text, { highWaterMark: BUFFER_BYTES }));
  const failures: unknown[] = [];
  const read = whenReady(reader, (error) => void failures.push(error));
  reader.on('data', (bytes: Buffer) => void sink.update(bytes));
  await read;
  if (failures.length > 0) throw toDatabaseFailure(failures[0], session.side);
}

/** Settles when the server is ready for the next statement: the row count comes after the last row, and so may an error. */
function whenReady(reader: Readable, onError: (error: Error) => void): Promise<void> {
  return new Promise((resolve) => {
    Object.assign(reader, { handleReadyForQuery: resolve });
    reader.on('error', (error) => {
      onError(error);
      resolve();
    });
  });
}

/** Settles when the server has taken every row, and its indexes and immediate constraints have, too. */
function whenFinished(writer: Writable, onError: (error: Error) => void): Promise<void> {
  return new Promise((resolve) => {
    writer.once('finish', resolve);
    writer.once('error', (error) => {
      onError(error);
      resolve();
    });
    writer.on('error', ignoreFurtherErrors);
  });
}

/** The first error has said why; those that follow it are its echo, and unheard they would end the process. */
function ignoreFurtherErrors(): void {}
