import type { UploadReadingsInput, UploadReadingsResult } from '../src/model/operations.js';
import { asCurrentAttempt } from './current-attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { translateErrors } from './failures.js';
import { watched } from './told-waits.js';
import { drainQueue } from './upload/drain-queue.js';

/**
 * Uploads queued readings, oldest first, batch after batch, until the queue is empty, `maxDurationMs` has passed or the
 * workflow asks for its end (it cancels the activity and goes on itself): then the batch under way is the last.
 *
 * Safe to repeat: a batch that failed left nothing behind, unless the remote had committed it; the next attempt recognises
 * it there by its custody record, or without custody by its keys, and only removes it here.
 * @returns counts over all batches; `more` is true when readings are left
 * @throws ApplicationFailure `unreachable`, `busy` (retried) - a link was lost; another attempt still holds the site's lock
 * @throws ApplicationFailure `schema` (not retried) - names the table and the column that keep the readings from moving
 * @throws ApplicationFailure `data` (not retried) - more of a batch is refused than single bad readings can be; those go to
 *   quarantine and stop nothing
 * @throws ApplicationFailure `fenced` (not retried) - the site's place in the custody chain is not the remote's; nothing moved
 * @throws ApplicationFailure `credentials` (not retried) - a database refuses the user, or the user lacks a grant
 * @throws ApplicationFailure `config` (not retried) - this worker does not serve the site, or both ends are one database
 * @throws ApplicationFailure `damaged` (not retried) - a server cannot read its own pages
 * @throws ApplicationFailure `unexpected` (retried) - the servers' counts of a batch do not agree, or what nobody foresaw
 */
export function uploadReadings(
  dependencies: ActivityDependencies,
): (input: UploadReadingsInput) => Promise<UploadReadingsResult> {
  return (input) =>
    translateErrors(input.siteId, () => {
      const site = dependencies.site(input.siteId);
      return asCurrentAttempt(dependencies, (attempt, onWait) => {
        const { local, remote, tables } = watched(site, onWait);
        return drainQueue({ local, remote, readings: tables.readings }, input, attempt);
      });
    });
}
