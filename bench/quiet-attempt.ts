import type { Attempt } from '../activities/attempt.js';

/** An attempt that nobody gives up and nobody listens to. */
export function quietAttempt(): Attempt {
  const never = new AbortController().signal;
  const quiet = (): void => undefined;
  return {
    signal: never,
    earlyEnd: never,
    heartbeat: quiet,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  };
}
