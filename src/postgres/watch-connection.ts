import { Readable, Writable } from 'node:stream';
import type { PoolClient } from 'pg';
import {
  adviseOnWait,
  type Awaited,
  judgeSilence,
  type Sighting,
  toLockWords,
  toWaitWords,
  WAIT_LIMITS,
  type WaitLimits,
} from '../model/silence.js';
import { wireOf } from './client.js';
import { DatabaseFailure } from './errors.js';
import type { Database } from './session.js';
import { SQLSTATE } from './sqlstate.js';
import { look } from './witness.js';

/** The watch of one connection, from its checkout to its return. */
export interface Watch {
  /** Gives a silent server up soon: what is left to say to it is a rollback, which it does by itself. */
  hurry(): void;
  /** A failure with what the watch knows of it: who held the lock. */
  explain(failure: unknown): unknown;
  stop(): void;
}

/** A rollback takes a moment, wherever it is answered at all. */
const ROLLBACK_MS = 5_000;

/**
 * Watches a connection that is checked out: a server that sends nothing while we wait for it is told of, and given up when it is
 * not seen at work. Nobody else would end such a wait: a socket whose peer is silent reports no error, and the server's own
 * limits do not pass a link that is dead.
 * @param giveUp told why, once; it is to cut the connection
 */
export function watchConnection(
  { pool, side, onWait, limits: own }: Database,
  client: PoolClient,
  giveUp: (why: DatabaseFailure) => void,
): Watch {
  let limits: WaitLimits = { ...WAIT_LIMITS, ...own };
  let silence = beginSilence(client);
  let lock: Extract<Sighting, { seen: 'lock' }> | null = null;
  const everyMs = Math.min(1_000, limits.lookAfterMs / 5);

  const lookAround = async (text: string): Promise<void> => {
    const looked = silence;
    looked.lookedAt = performance.now();
    looked.isLooking = true;
    const { sighting, moved } = await look({ pool, client, text, moved: looked.moved }, limits.lookTimeoutMs);
    Object.assign(looked, { sighting, moved, isLooking: false });
    if (sighting.seen === 'lock') lock = sighting;
  };

  const end = (): void => {
    if (silence.isTold) onWait?.(client, null);
  };

  const tick = (): void => {
    const question = questionOf(client);
    const movedBytes = bytesOf(client);
    if (question === null || movedBytes !== silence.bytes) {
      end();
      silence = beginSilence(client);
      return;
    }
    const now = performance.now();
    const silentMs = now - silence.since;
    const isLookDue = now - (silence.lookedAt ?? -Infinity) >= limits.lookEveryMs;
    if (silentMs >= limits.lookAfterMs && isLookDue && !silence.isLooking) void lookAround(question);
    const awaited = nameAwaited(question);
    const { sighting } = silence;
    const { isTold, givenUpAs } = judgeSilence(silentMs, { awaited, sighting, limits });
    const message = toWaitWords(side, awaited, sighting);
    if (isTold && message !== silence.told) {
      Object.assign(silence, { isTold, told: message });
      onWait?.(client, { side, message, since: new Date(Date.now() - silentMs).toISOString() });
    }
    if (givenUpAs === null) return;
    clearInterval(timer);
    const text = `${message}; given up after ${Math.round(silentMs / 1_000)} s`;
    giveUp(new DatabaseFailure(givenUpAs, text, { side, next: adviseOnWait(sighting), isSilence: true }));
  };

  const timer = setInterval(tick, everyMs);
  timer.unref();
  return {
    hurry: () => {
      limits = { ...limits, givenUpAfterMs: Math.min(limits.givenUpAfterMs, ROLLBACK_MS), atWorkForMs: ROLLBACK_MS };
    },
    explain: (failure) => (lock === null ? failure : nameHolder(failure, lock)),
    stop: () => {
      clearInterval(timer);
      end();
    },
  };
}

/** The time since the last byte. */
interface Silence {
  readonly since: number;
  readonly bytes: number;
  lookedAt: number | null;
  isLooking: boolean;
  sighting: Sighting | null;
  moved: string | null;
  isTold: boolean;
  told: string | null;
}

function beginSilence(client: PoolClient): Silence {
  const none = { lookedAt: null, isLooking: false, sighting: null, moved: null, isTold: false, told: null };
  return { since: performance.now(), bytes: bytesOf(client), ...none };
}

/** Bytes that have come, and those that the kernel has taken from us. */
function bytesOf(client: PoolClient): number {
  const { stream } = wireOf(client);
  return stream.bytesRead + stream.bytesWritten - stream.writableLength;
}

/** What `pg` has and does not type: its statement under way, and whether the server has ended the last one. */
interface Asking {
  readonly readyForQuery: boolean;
  readonly _activeQuery: object | null;
}

/** The text of what the server is to answer now; null: it is not waited for. */
function questionOf(client: PoolClient): string | null {
  const { readyForQuery, _activeQuery: query } = client as unknown as Asking;
  if (readyForQuery || (query !== null && !isServersTurn(query))) return null;
  return query !== null && 'text' in query && typeof query.text === 'string' ? query.text : '';
}

/** Within a COPY it may be our turn: to give rows, which the other end has not sent yet, or to take some. */
function isServersTurn(query: object): boolean {
  if (query instanceof Writable) return query.writableLength > 0 || query.writableEnded;
  if (!(query instanceof Readable)) return true;
  const isRead = query.readableFlowing === true || query.listenerCount('readable') > 0;
  return query.readableEnded || (isRead && query.readableLength === 0);
}

function nameAwaited(text: string): Awaited {
  if (/\bcommit\s*;?\s*$/i.test(text)) return 'commit';
  return /^\s*copy\b/i.test(text) ? 'copy' : 'statement';
}

/** The server knows who held the lock, and does not say it. */
function nameHolder(failure: unknown, lock: Extract<Sighting, { seen: 'lock' }>): unknown {
  if (!(failure instanceof DatabaseFailure) || failure.sqlstate !== SQLSTATE.lockNotAvailable) return failure;
  const { kind, sqlstate, place } = failure;
  const table = place.table ?? lock.table;
  return new DatabaseFailure(kind, `${place.side} database: waited in vain for ${toLockWords(lock)}`, {
    ...{ ...place, table, sqlstate, cause: failure },
    next: adviseOnWait(lock),
  });
}
