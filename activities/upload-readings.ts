import type { UploadReadingsInput, UploadReadingsResult } from '../src/model/operations.js';
import { asCurrentAttempt } from './current-attempt.js';
import type { ActivityDependencies } from './databases.js';
import { translateErrors } from './failures.js';
import { drainQueue } from './upload/drain-queue.js';

/**
 * Uploads queued readings, oldest first, batch after batch, until the queue is empty, `maxDurationMs` has passed or the
 * workflow asks for its end (it cancels the activity and goes on itself): then the batch under way is the last.
 *
 * Safe to repeat: a batch that arrives twice changes nothing on the remote, and a batch that failed left nothing behind.
 * @returns counts over all batches; `more` is true when readings are left
 * @throws ApplicationFailure `unreachable`, `busy` (retried) - a link was lost; another attempt still holds the site's lock
 * @throws ApplicationFailure `schema` (not retried) - names the table and the column that keep the readings from moving
 * @throws ApplicationFailure `data` (not retried) - the remote refuses a reading, or has it with other content
 */
export function uploadReadings(
  dependencies: ActivityDependencies,
): (input: UploadReadingsInput) => Promise<UploadReadingsResult> {
  return (input) =>
    translateErrors(input.siteId, () => {
      const { local, remote, tables } = dependencies.site(input.siteId);
      const ends = { local, remote, readings: tables.readings };
      return asCurrentAttempt(dependencies.drain, (attempt) => drainQueue(ends, input, attempt));
    });
}
