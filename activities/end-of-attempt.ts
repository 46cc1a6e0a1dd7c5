import type { CancelledFailure } from '@temporalio/activity';
import type { Attempt } from './attempt.js';

/**
 * For how long the batch under way may go on after its workflow has asked for the end. Temporal tells an attempt of one
 * cancellation only: after that request neither a terminated workflow nor a worker's end would be heard of, so an attempt
 * that hangs must cut itself. Batches adapt to some two seconds.
 */
export const LAST_BATCH_MS = 60_000;

/** How the current attempt is told to end. */
interface EndOfAttempt extends Pick<Attempt, 'signal' | 'earlyEnd'> {
  readonly stopListening: () => void;
}

/**
 * Tells apart what Temporal delivers as one cancellation. A workflow that goes on and asks for an early end (`CANCELLED`)
 * ends it early, as the end of the worker does. All else gives the attempt up: its workflow has ended, cancelled or terminated
 * (`NOT_FOUND`), it was timed out, paused or reset, or the worker has no more time.
 */
export function hearEnd(cancellation: AbortSignal, workerEnd: AbortSignal): EndOfAttempt {
  const cut = new AbortController();
  let lastBatch: NodeJS.Timeout | undefined;
  const onCancelled = (): void => {
    if (!isRequest(cancellation)) return cut.abort(cancellation.reason);
    lastBatch = setTimeout(() => cut.abort(cancellation.reason), LAST_BATCH_MS);
  };
  if (cancellation.aborted) onCancelled();
  cancellation.addEventListener('abort', onCancelled, { once: true });
  return {
    signal: cut.signal,
    earlyEnd: {
      get aborted() {
        return workerEnd.aborted || cancellation.aborted;
      },
    },
    stopListening: () => {
      clearTimeout(lastBatch);
      cancellation.removeEventListener('abort', onCancelled);
    },
  };
}

/** The reason's message is the word by which Temporal's core names it. */
function isRequest(cancellation: AbortSignal): boolean {
  return (cancellation.reason as CancelledFailure).message === 'CANCELLED';
}
