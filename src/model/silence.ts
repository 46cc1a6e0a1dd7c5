import type { FailureKind, Side } from './failures.js';

/** How long a server may send nothing while we wait for it. Not settings: a site that may wait longer is no better off. */
export interface WaitLimits {
  /** From here on a second connection looks what the server is doing; a lock is then told with its holder. */
  readonly lookAfterMs: number;
  readonly lookEveryMs: number;
  /** That second connection has as long to answer. */
  readonly lookTimeoutMs: number;
  /** From here on the wait is told, whatever its cause. */
  readonly toldAfterMs: number;
  /** From here on the connection is given up, unless the server is seen at work. */
  readonly givenUpAfterMs: number;
  /** From here on in any case: a server process that is stopped looks like one at work. No statement of ours takes as long. */
  readonly atWorkForMs: number;
}

export const WAIT_LIMITS: WaitLimits = {
  lookAfterMs: 5_000,
  lookEveryMs: 10_000,
  lookTimeoutMs: 10_000,
  toldAfterMs: 15_000,
  givenUpAfterMs: 60_000,
  atWorkForMs: 30 * 60_000,
};

/** What is waited for. A commit has no excuse: its outcome can be read afterwards. */
export type Awaited = 'commit' | 'copy' | 'statement';

/** Who holds a lock, as far as `pg_stat_activity` tells us: of other users it tells little. */
export interface LockHolder {
  readonly pid: number;
  readonly user: string | null;
  readonly program: string | null;
  readonly forSeconds: number | null;
}

/** What a second connection saw of the one that is waited for. */
export type Sighting =
  /** It had no answer either. */
  | { readonly seen: 'nothing' }
  /** It was refused for want of connections, so there is a server and a way to it. */
  | { readonly seen: 'full' }
  /** The server has no such session any more. */
  | { readonly seen: 'gone' }
  /** The server waits for our next statement: the last one, or its answer, was lost on the way. */
  | { readonly seen: 'idle' }
  /** The server waits for our bytes, or for us to take some, and has moved none since the last look. */
  | { readonly seen: 'stalled' }
  /** It has committed on its own disk, and waits for a standby to say the same. */
  | { readonly seen: 'standby' }
  | { readonly seen: 'lock'; readonly table: string | null; readonly holder: LockHolder | null }
  /** At work on it. */
  | { readonly seen: 'work' };

/** A wait for a server that is worth telling. Travels in heartbeats, so that the status can tell it while it lasts. */
export interface ServerWait {
  readonly side: Side;
  /** One sentence. */
  readonly message: string;
  /** ISO 8601 UTC. */
  readonly since: string;
}

/** What follows from a silence. */
export interface SilenceJudgement {
  readonly isTold: boolean;
  /** Null: it is waited for further. */
  readonly givenUpAs: FailureKind | null;
}

/** Judges a silence of so many milliseconds by the last sighting; null: there is none yet. */
export function judgeSilence(
  silentMs: number,
  { awaited, sighting, limits }: { awaited: Awaited; sighting: Sighting | null; limits: WaitLimits },
): SilenceJudgement {
  const isLock = sighting?.seen === 'lock';
  const isTold = silentMs >= limits.toldAfterMs || (isLock && silentMs >= limits.lookAfterMs);
  const isAlive = sighting?.seen === 'work' || sighting?.seen === 'full';
  const limitMs = isAlive && awaited !== 'commit' ? limits.atWorkForMs : limits.givenUpAfterMs;
  return { isTold, givenUpAs: silentMs < limitMs ? null : isLock ? 'busy' : 'unreachable' };
}

const AWAITED: Readonly<Record<Awaited, string>> = {
  commit: 'the answer to COMMIT',
  copy: 'COPY',
  statement: 'the answer to a statement',
};

/** A wait in words: what for, and its cause as far as a second connection could see it. */
export function toWaitWords(side: Side, awaited: Awaited, sighting: Sighting | null): string {
  const cause = sighting === null ? '' : `: ${toCause(sighting)}`;
  return `${side} database: nothing comes while ${AWAITED[awaited]} is waited for${cause}`;
}

function toCause(sighting: Sighting): string {
  switch (sighting.seen) {
    case 'nothing':
      return 'a second connection gets no answer either, so the link or the server stands still';
    case 'full':
      return 'the server answers, and has no second connection to give';
    case 'gone':
      return 'the server answers a second connection, and has ended this one: the link lost it';
    case 'idle':
      return 'the server answers a second connection, and has nothing to do on this one: the link lost the statement or its answer';
    case 'stalled':
      return 'the server answers a second connection, and this one moves no byte: the link or the server process stands still';
    case 'standby':
      return 'the server waits for a synchronous standby that does not confirm (synchronous_standby_names)';
    case 'lock':
      return toLockWords(sighting);
    case 'work':
      return 'the server is at work on it';
  }
}

/** A lock in words: what is locked, and by whom. */
export function toLockWords({ table, holder }: Extract<Sighting, { seen: 'lock' }>): string {
  return `a lock on ${table ?? 'a row'}, held by ${holder === null ? 'a session that is not told' : toHolderWords(holder)}`;
}

/** A session in words, as far as the server tells of it: `session 4711 (user anna, psql, for 12 min)`. */
export function toHolderWords({ pid, user, program, forSeconds }: LockHolder): string {
  if (pid === 0) return 'a prepared transaction (pg_prepared_xacts)';
  const facts = [
    ...(user === null ? [] : [`user ${user}`]),
    ...(program === null || program === '' ? [] : [program]),
    ...(forSeconds === null ? [] : [`for ${toAge(forSeconds)}`]),
  ];
  return `session ${pid}${facts.length === 0 ? '' : ` (${facts.join(', ')})`}`;
}

function toAge(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

/** What to do about it, where that is more than the kind of the failure says; null: what the kind says. */
export function adviseOnWait(sighting: Sighting | null): string | null {
  if (sighting?.seen === 'standby') {
    return 'Ask the DBA of that database to bring the synchronous standby back, or to take it out of synchronous_standby_names. Whether the commit took effect is read from the remote before anything is sent again: meter-sync check';
  }
  if (sighting?.seen !== 'lock') return null;
  const { holder } = sighting;
  if (holder === null || holder.pid === 0) return null;
  return `The next cycle tries again by itself. If it stays, ask the DBA of that database to end the transaction of session ${holder.pid}, with pg_terminate_backend(${holder.pid}) if need be: meter-sync check`;
}
