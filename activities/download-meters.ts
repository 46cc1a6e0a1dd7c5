import { Context } from '@temporalio/activity';
import { type DownloadInput, type DownloadResult, MAX_FURTHER_FAILURES } from '../src/model/operations.js';
import { asCurrentAttempt } from './current-attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { downloadFurther } from './download/further-tables.js';
import { makeEqual, toOptions } from './download/make-equal.js';
import { isTriedAgain, toReport, translateErrors } from './failures.js';

/**
 * Makes the local meters equal to the remote ones, for the columns that both tables have; then the further tables of the
 * settings, which often name a meter.
 *
 * Safe to repeat: a second download finds nothing to do. Meters that wait for a tenant are counted as `waiting` and are
 * tried again by the next call.
 * @throws ApplicationFailure `unreachable`, `busy` (retried) - a link was lost, or a row is locked
 * @throws ApplicationFailure `schema` (not retried) - names the table and what is wrong with it: no such table or key,
 *   a key that is not unique, changes that look like a mistake of the remote and are held for a person. A further table that is wrong stops no other one: it is told in the result
 * @throws ApplicationFailure `config` (not retried) - this worker does not serve the site, the settings do not fit the table,
 *   or it is the table of readings
 * @throws ApplicationFailure `credentials` (not retried) - a database refuses the user, or the user lacks a grant
 */
export function downloadMeters(dependencies: ActivityDependencies): (input: DownloadInput) => Promise<DownloadResult> {
  return (input) =>
    translateErrors(input.siteId, () => {
      const { tables, ...databases } = dependencies.site(input.siteId);
      const runId = Context.current().info.workflowExecution?.runId;
      return asCurrentAttempt(dependencies.drain, async (attempt) => {
        const options = toOptions(input, tables, runId);
        const meters = await makeEqual(databases, tables.meters, attempt, options);
        if (tables.further === undefined) return meters;
        const { results: further, failures } = await downloadFurther(databases, tables.further, attempt, options);
        const reports = failures.map((error) => ({ error, report: toReport(error, input.siteId) }));
        const again = reports.find(({ report }) => isTriedAgain(report, Context.current().info.attempt));
        if (again !== undefined) throw again.error;
        if (reports.length === 0) return { ...meters, further };
        const furtherFailures = reports.slice(0, MAX_FURTHER_FAILURES).map(({ report }) => report);
        return { ...meters, further, furtherFailures };
      });
    });
}
