import { setTimeout as pause } from 'node:timers/promises';

const LOOK_EVERY_MS = 200;

/** Looks again and again until the answer is as wished or the time is up; answers with the last one. */
export async function waitFor<T>(
  look: () => Promise<T>,
  isWished: (answer: T) => boolean,
  withinMs: number,
  signal: AbortSignal,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await look();
    if (isWished(answer) || Date.now() >= deadline) return answer;
    await pause(LOOK_EVERY_MS, undefined, { signal });
  }
}
