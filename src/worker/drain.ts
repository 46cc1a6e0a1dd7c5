import type { Worker } from '@temporalio/worker';
import type { WorkerLogger } from './logger.js';

/** What is left of a cancelled attempt after its time: the rollback, and the report to Temporal. */
const AFTER_GRACE_MS = 10_000;

/** For how long a worker that is told to end waits for what it has begun. */
interface DrainTimes {
  readonly shutdownGraceTime: number;
  readonly shutdownForceTime: number;
}

/** Attempts have `shutdownMs` to end by themselves; then they are cancelled, and a little later left behind. */
export function toDrainTimes(shutdownMs: number): DrainTimes {
  return { shutdownGraceTime: shutdownMs, shutdownForceTime: shutdownMs + AFTER_GRACE_MS };
}

/**
 * Runs workers side by side until all have ended. When `end` aborts they take no new work and finish what they have; when
 * one of them fails, the others end too, because half a worker looks alive and moves nothing.
 * @throws Error the first failure of a worker; `GracefulShutdownPeriodExpiredError` when the time was not enough
 */
export async function runUntilDrained(
  workers: readonly Worker[],
  end: AbortSignal,
  logger: WorkerLogger,
): Promise<void> {
  const drain = (): void => workers.forEach(shutDown);
  const runs = workers.map((worker) => worker.run().finally(drain));
  end.addEventListener('abort', drain, { once: true });
  if (end.aborted) drain();
  const failures = (await Promise.allSettled(runs)).filter((settled) => settled.status === 'rejected');
  end.removeEventListener('abort', drain);
  for (const { reason } of failures.slice(1)) logger.error('another worker of this process failed', { error: reason });
  if (failures[0] !== undefined) throw failures[0].reason;
}

/** Only a running worker may be told to shut down; the others are on their way. */
function shutDown(worker: Worker): void {
  if (worker.getState() === 'RUNNING') worker.shutdown();
}
