import { Context } from '@temporalio/activity';
import { toFurther } from '../src/model/download-outcome.js';
import {
  type DownloadInput,
  type DownloadResult,
  MAX_FURTHER_FAILURES,
  MAX_NAMED_ROWS,
} from '../src/model/operations.js';
import { asCurrentAttempt } from './current-attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { makeEachEqual } from './download/each-table.js';
import { toOptions } from './download/make-equal.js';
import { isTriedAgain, TablesFailure, toReport, translateErrors } from './failures.js';
import { watched } from './told-waits.js';

/**
 * Makes the local meters equal to the remote ones, for the columns that both tables have; then the further tables of the
 * settings, which often name a meter. A table that fails stops no other one.
 *
 * Safe to repeat: a second download finds nothing to do. Meters that wait for a tenant are counted as `waiting` and are
 * tried again by the next call.
 * @throws ApplicationFailure `unreachable`, `busy` (retried) - a link was lost, or a row is locked
 * @throws ApplicationFailure `schema` (not retried) - names the table and what is wrong with it: no such table or key,
 *   a key that is not unique, changes that look like a mistake of the remote and are held for a person. Where the meters themselves
 *   are there, further tables that failed are told in the result
 * @throws ApplicationFailure `config` (not retried) - this worker does not serve the site, the settings do not fit the table,
 *   or it is the table of readings
 * @throws ApplicationFailure `credentials` (not retried) - a database refuses the user, or the user lacks a grant
 */
export function downloadMeters(dependencies: ActivityDependencies): (input: DownloadInput) => Promise<DownloadResult> {
  return (input) =>
    translateErrors(input.siteId, () => {
      const site = dependencies.site(input.siteId);
      const { tables } = site;
      const runId = Context.current().info.workflowExecution?.runId;
      return asCurrentAttempt(dependencies, async (attempt, onWait) => {
        const owned = [tables.meters, ...(tables.further ?? [])];
        const outcomes = await makeEachEqual(watched(site, onWait), owned, attempt, toOptions(input, tables, runId));
        const failures = outcomes.flatMap((outcome) => (outcome.result === null ? [outcome.error] : []));
        const reports = failures.map((error) => toReport(error, input.siteId));
        const again = failures.findIndex((failure) => isTriedAgain(failure, Context.current().info.attempt));
        if (again !== -1) throw failures[again];
        const [meters, ...others] = outcomes;
        if (meters === undefined || meters.result === null) throw new TablesFailure(failures);
        if (tables.further === undefined) return meters.result;
        const further = others.flatMap(({ table, result }) => (result === null ? [] : toFurther(table, result)));
        const furtherFailures = reports.slice(0, MAX_FURTHER_FAILURES);
        return {
          ...meters.result,
          further: further.slice(0, MAX_NAMED_ROWS),
          ...(furtherFailures.length === 0 ? {} : { furtherFailures }),
        };
      });
    });
}
