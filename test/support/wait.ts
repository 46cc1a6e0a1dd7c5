import { setTimeout as pause } from 'node:timers/promises';

interface WaitOptions {
  /** What is waited for, for the message of a wait in vain. */
  readonly what: string;
  /** 30 s unless told. */
  readonly timeoutMs?: number;
  /** Between two looks; 50 ms unless told. */
  readonly everyMs?: number;
}

/**
 * Waits until a condition holds and answers with what it gave.
 *
 * A condition that throws does not hold yet; the last error is the cause of the failure.
 * @throws Error when the condition has not held in time
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what, timeoutMs = 30_000, everyMs = 50 }: WaitOptions,
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  const deadline = Date.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const held = await condition();
      if (held) return held as Exclude<T, false | null | undefined | 0 | ''>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await pause(everyMs);
  } while (Date.now() < deadline);
  throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`, { cause });
}
