import { Context } from '@temporalio/activity';
import type { Ran, Timed } from '../src/model/loop-clock.js';

/**
 * Starts to measure when the current attempt runs. The start is the server's word and the rest is measured here, so that a
 * machine whose clock is wrong, as clocks at sites are, tells the same instants as any other. What an attempt waited for its
 * worker is not in it.
 * @returns what to call at the end of the attempt
 */
export function startOfRan(): () => Ran {
  const { scheduledTimestampMs, currentAttemptScheduledTimestampMs } = Context.current().info;
  const since = performance.now();
  return () => ({
    askedAt: toIso(scheduledTimestampMs),
    endedAt: toIso(currentAttemptScheduledTimestampMs + performance.now() - since),
  });
}

/** An activity whose answer says when it was given: the workflow's clock follows it, see `src/model/loop-clock.ts`. */
export function timed<Input, Result>(
  activity: (input: Input) => Promise<Result>,
): (input: Input) => Promise<Timed<Result>> {
  return async (input) => {
    const ran = startOfRan();
    return { result: await activity(input), ran: ran() };
  };
}

function toIso(instant: number): string {
  return new Date(instant).toISOString();
}
