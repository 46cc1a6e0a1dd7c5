import { CancellationScope } from '@temporalio/workflow';
import { cutShort } from '../src/model/steps.js';
import type { Site } from './site.js';

/**
 * Calls the upload in a scope of its own, so that `endUpload` can ask it to end early; it then answers with what it did.
 * @throws CancelledFailure at once when the workflow is cancelled: the server then tells the attempt that nobody waits for it
 */
export async function callEndable<Result>(site: Site, call: () => Promise<Result>): Promise<Result> {
  const upload = new CancellationScope();
  site.upload = upload;
  try {
    return await Promise.race([upload.run(call), CancellationScope.current().cancelRequested]);
  } finally {
    site.upload = null;
  }
}

/** Asks the upload under way, if there is one, to end after its batch. */
export function endUpload(site: Site): void {
  if (site.upload === null || site.upload.consideredCancelled) return;
  site.state = cutShort(site.state);
  site.upload.cancel();
}
