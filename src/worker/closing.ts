import { setTimeout as pause } from 'node:timers/promises';
import type { WorkerLogger } from './logger.js';

/** By now everything is idle; what still does not close is left to the end of the process. */
const CLOSE_WITHIN_MS = 10_000;

/** What was opened, to be closed in the reverse order. */
export interface Closing {
  add(what: string, close: () => Promise<void>): void;
  /** Closes everything. What fails to close is logged and keeps nothing else open. */
  closeAll(): Promise<void>;
}

/** Nothing is open yet. What is added is given 10 seconds to close. */
export function createClosing(logger: WorkerLogger): Closing {
  const opened: { what: string; close: () => Promise<void> }[] = [];
  return {
    add: (what, close) => void opened.push({ what, close }),
    async closeAll() {
      for (const { what, close } of opened.splice(0).reverse()) {
        try {
          await withinTime(close);
          logger.debug('closed', { what });
        } catch (error) {
          logger.warn('could not be closed', { what, error });
        }
      }
    },
  };
}

async function withinTime(close: () => Promise<void>): Promise<void> {
  const timer = new AbortController();
  const tooLate = pause(CLOSE_WITHIN_MS, undefined, { signal: timer.signal, ref: false }).then(() => {
    throw new Error(`still open after ${CLOSE_WITHIN_MS} ms`);
  });
  try {
    await Promise.race([close(), tooLate]);
  } finally {
    tooLate.catch(() => undefined); // its abort is no failure of anybody
    timer.abort();
  }
}
