import { CancellationScope, patched } from '@temporalio/workflow';
import { cutShort } from '../src/model/steps.js';
import type { Site } from './site.js';

/** What an older version has recorded is replayed as it was: a signal then left the upload alone. */
const END_UPLOAD_EARLY = 'end-upload-early';

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

/** Asks the upload under way, if there is one, to end after its batch. It costs the history three events, and only here. */
export function endUpload(site: Site): void {
  if (site.upload === null || site.upload.consideredCancelled || !patched(END_UPLOAD_EARLY)) return;
  site.state = cutShort(site.state);
  site.upload.cancel();
}
