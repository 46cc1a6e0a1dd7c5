import { Context } from '@temporalio/activity';
import type { Attempt, LogFacts } from './attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { hearEnd } from './end-of-attempt.js';
import { teller } from './heard.js';
import { tellWaits, type ToldWaits } from './told-waits.js';

/**
 * A fifth of the heartbeat timeout: a link that stands still for some seconds does no harm. The worker must not hold beats
 * back for longer, and the SDK's default is four fifths of that timeout. How soon an attempt hears that it is to end follows
 * from it: Temporal says so in its answer to a beat.
 */
export const HEARTBEAT_EVERY_MS = 2_000;

/**
 * Runs an engine as the current attempt of an activity. A timer repeats the last progress, so that one long statement
 * does not look like a dead worker; with it travels what the attempt waits for.
 * @throws CancelledFailure when the attempt was given up, whatever broke by that
 */
export async function asCurrentAttempt<Result>(
  { drain, hear }: Pick<ActivityDependencies, 'drain' | 'hear'>,
  engine: (attempt: Attempt, onWait: ToldWaits['onWait']) => Promise<Result>,
): Promise<Result> {
  const context = Context.current();
  const { signal, earlyEnd, stopListening } = hearEnd(context.cancellationSignal, drain);
  let progress: LogFacts = {};
  const log = toLog(context);
  const tell = teller(hear, context);
  const waits = tellWaits(log, () => {
    tell({ what: 'waits', waiting: waits.now() });
    beat();
  });
  const beat = (): void => {
    const waiting = waits.now();
    context.heartbeat(waiting.length === 0 ? progress : { ...progress, waiting });
  };
  const beats = setInterval(beat, HEARTBEAT_EVERY_MS);
  const heartbeat = (facts: LogFacts): void => {
    progress = facts;
    tell({ what: 'progress', progress });
    beat();
  };
  try {
    return await engine({ signal, earlyEnd, heartbeat, log }, waits.onWait);
  } catch (error) {
    throw signal.aborted ? signal.reason : error; // what broke, broke because we cut it
  } finally {
    clearInterval(beats);
    stopListening();
  }
}

/** The context's log by methods of our own: engines must not depend on Temporal's types. */
function toLog({ log }: Context): Attempt['log'] {
  return {
    debug: (message, facts) => log.debug(message, facts),
    info: (message, facts) => log.info(message, facts),
    warn: (message, facts) => log.warn(message, facts),
    error: (message, facts) => log.error(message, facts),
  };
}
