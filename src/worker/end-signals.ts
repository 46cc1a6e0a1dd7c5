import type { WorkerLogger } from './logger.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** The exit code of a worker that could not start, failed, or was ended by force. */
export const EXIT_FAILED = 1;

/** The wish of the operating system, or of a person at the terminal, that this process ends. */
interface EndSignals {
  /** Aborts at the first SIGTERM or SIGINT. */
  readonly end: AbortSignal;
  /** Gives the signals back to the system. */
  stopListening(): void;
}

/**
 * Listens for SIGTERM and SIGINT. The first asks for a drain; the second ends the process at once, since whoever sends it
 * knows better than we do. That loses nothing: an open transaction is rolled back by its server.
 */
export function listenForEnd(logger: WorkerLogger): EndSignals {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      logger.warn('ended at once, by a second signal', { signal });
      void endNow(logger);
      return;
    }
    logger.info('draining: what has begun is finished; a second signal ends at once', { signal });
    controller.abort(new Error(`${signal} received`));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    end: controller.signal,
    stopListening: () => SIGNALS.forEach((signal) => process.off(signal, onSignal)),
  };
}

/** Ends the process without waiting for anything but the last lines of the log. */
export async function endNow(logger: WorkerLogger): Promise<never> {
  await logger.close();
  return process.exit(EXIT_FAILED);
}
