import { Context } from '@temporalio/activity';
import type { DownloadInput, DownloadResult } from '../src/model/operations.js';
import { asCurrentAttempt } from './current-attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { makeEqual, toOptions } from './download/make-equal.js';
import { translateErrors } from './failures.js';
import { watched } from './told-waits.js';

/**
 * Makes the local tenants equal to the remote ones, for the columns that both tables have.
 *
 * Safe to repeat: a second download finds nothing to do.
 * @throws ApplicationFailure `unreachable`, `busy` (retried) - a link was lost, or a row is locked
 * @throws ApplicationFailure `schema` (not retried) - names the table and what is wrong with it: no such table or key,
 *   a key that is not unique, changes that look like a mistake of the remote and are held for a person
 * @throws ApplicationFailure `config` (not retried) - this worker does not serve the site, the settings do not fit the table,
 *   or it is the table of readings
 * @throws ApplicationFailure `credentials` (not retried) - a database refuses the user, or the user lacks a grant
 */
export function downloadTenants(dependencies: ActivityDependencies): (input: DownloadInput) => Promise<DownloadResult> {
  return (input) =>
    translateErrors(input.siteId, () => {
      const site = dependencies.site(input.siteId);
      const runId = Context.current().info.workflowExecution?.runId;
      return asCurrentAttempt(dependencies, (attempt, onWait) =>
        makeEqual(watched(site, onWait), site.tables.tenants, attempt, toOptions(input, site.tables, runId)),
      );
    });
}
