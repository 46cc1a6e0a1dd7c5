import { CancellationScope } from '@temporalio/workflow';
import { cutShort } from '../src/model/steps.js';
import type { Site } from './site.js';

/**
 * Calls an operation in a scope of its own, so that `endOperation` can ask it to end early; it then answers with what it did. One
 * that no worker has begun is given up at once.
 * @throws CancelledFailure at once when the workflow is cancelled: the server then tells the attempt that nobody waits for it
 */
export async function callEndable<Result>(site: Site, call: () => Promise<Result>): Promise<Result> {
  const operation = new CancellationScope();
  site.operation = operation;
  try {
    return await Promise.race([operation.run(call), CancellationScope.current().cancelRequested]);
  } finally {
    site.operation = null;
  }
}

/** Asks the operation under way, if there is one, to end: an upload after its batch, a download within a minute. */
export function endOperation(site: Site): void {
  if (site.operation === null || site.operation.consideredCancelled) return;
  site.state = cutShort(site.state);
  site.operation.cancel();
}
