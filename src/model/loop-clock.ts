/**
 * The clock by which a scheduler decides. It moves only by what the workflow's history holds: the start of a run, the planned
 * instant of a timer that has fired, and the instants that activities tell. `Date.now()` is not among them: a worker that
 * starts while a query waits is handed the next events with the time of the task before (SDK 1.24), and any later replay sees
 * another time. A command that depended on it (an activity, a timer, search attributes) would then differ, and the site would
 * be stuck for ever.
 *
 * So `Date.now()` may say how long a timer runs, which a replay does not compare, and never whether there is one.
 *
 * The clock never goes back. It may be behind the true time (a message tells no instant, nor does an attempt whose worker was
 * killed) and even ahead of it (an activity told a wild instant): every plan is counted from this clock and every wait is the
 * distance between two of its instants, so that neither stalls the loop nor makes it spin; see `toTimerMs`.
 */

/** When an activity was asked for, and when it ended. ISO 8601 UTC, by the clock of Temporal's server. */
export interface Ran {
  /** The first attempt was scheduled. */
  readonly askedAt: string;
  /** The last attempt ended. */
  readonly endedAt: string;
}

/** An activity's answer, and when it was given. */
export interface Timed<Result> {
  readonly result: Result;
  readonly ran: Ran;
}

/** The end of the year 9999: a later instant, and the plans counted from it, might be none that a date can hold. */
const LAST_INSTANT = Date.UTC(10_000, 0, 1) - 1;

/** The clock after an instant has become known: never earlier, and unmoved by what is no instant. Epoch milliseconds. */
export function laterOf(reachedAt: number, instant: number | string | undefined): number {
  const at = typeof instant === 'string' ? Date.parse(instant) : (instant ?? NaN);
  return at > reachedAt && at <= LAST_INSTANT ? at : reachedAt;
}

/** What is known of the time when a timer is set, in epoch milliseconds. */
export interface Watch {
  /** The loop's clock. */
  readonly reachedAt: number;
  /** `Date.now()` when the loop's clock last moved. */
  readonly movedAt: number;
  /** `Date.now()`. */
  readonly now: number;
}

/** The shortest timer: it lets what is due come by history and not by a look at a clock. */
const SHORTEST_MS = 1;

/**
 * How long a timer for an instant of the loop's clock runs. The time since that clock moved has passed already; but when the
 * clock is ahead of the true time, nothing of the wait is given away, so that the true time can catch up. A loop clock that is
 * behind, by however much, makes no wait shorter than the time that has really passed since it moved: so the loop cannot spin.
 * At least a millisecond, at most the distance of the instant from the loop's clock: so it cannot stall.
 */
export function toTimerMs(until: number, { reachedAt, movedAt, now }: Watch): number {
  const passedMs = Math.max(0, now - movedAt);
  const likelyNow = Math.min(reachedAt + passedMs, Math.max(reachedAt, now));
  return Math.max(SHORTEST_MS, until - likelyNow);
}
