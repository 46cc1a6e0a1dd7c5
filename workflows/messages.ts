import {
  ActivityFailure,
  ApplicationFailure,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  log,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { INVALID_INPUT } from '../src/model/failures.js';
import { type DownloadDecision, findDecisionProblems, type HeldDownload } from '../src/model/guard.js';
import { findConfigureProblems } from '../src/model/scheduler.js';
import type { SchedulerSettings } from '../src/model/scheduler-settings.js';
import type { SchedulerState } from '../src/model/state.js';
import { type Status, toStatus } from '../src/model/status.js';
import { configure, pause, requestMove, requestStop, requestSyncNow, resume } from '../src/model/steps.js';
import * as wire from '../src/model/wire.js';
import { endOperation } from './end-operation.js';
import { toFailureReport } from './failure-report.js';
import { lookAtDatabases } from './probe-databases.js';
import { callsOf } from './proxies.js';
import { reach, type Site } from './site.js';

const getStatus = defineQuery<Status>(wire.GET_STATUS_QUERY);
const refreshStatus = defineUpdate<Status>(wire.REFRESH_STATUS_UPDATE);
const decideDownload = defineUpdate<HeldDownload, [DownloadDecision]>(wire.DECIDE_DOWNLOAD_UPDATE);
const configureUpdate = defineUpdate<SchedulerSettings, [Partial<SchedulerSettings>]>(wire.CONFIGURE_UPDATE);

/**
 * Registers every handler of a site. Signals that arrived before are handled here, in their order.
 *
 * A message tells no instant that a replay would see again: what it changes follows from itself and the loop's clock.
 */
export function receiveMessages(site: Site): void {
  setHandler(getStatus, () => toStatus(site.siteId, site.state), {
    description: 'What the site is doing, what is known of both databases and how the last operations ended',
  });
  onSignal(
    site,
    wire.STOP_SIGNAL,
    'Ends the upload with its batch, a download within a minute, then the running cycle and the workflow',
    requestStop,
  );
  const untilResume =
    'Ends the upload with its batch, a download within a minute; no further cycle until resume. May take {"by": "anna", "reason": "move of the server"}';
  onSignal(site, wire.PAUSE_SIGNAL, untilResume, pause);
  onSignal(site, wire.RESUME_SIGNAL, 'Ends a pause; the next cycle begins at once', resume);
  const syncNow = 'Runs a full cycle at once, also while paused; {"full": true} tries refused rows again';
  onSignal(site, wire.SYNC_NOW_SIGNAL, syncNow, requestSyncNow);
  const moveTo =
    'Continues as new on other task queues, after the running cycle: {"taskQueue": "meter-sync", "activityTaskQueue": "meter-sync:north"}';
  onSignal(site, wire.MOVE_TO_SIGNAL, moveTo, (state, order) => move(site, state, order));
  receiveRefresh(site);
  receiveConfigure(site);
  receiveDecision(site);
}

/** A person who gives such a signal should not have to wait for the rest of a backlog, nor for a site whose worker is gone. */
const ENDS_OPERATION: ReadonlySet<string> = new Set([wire.STOP_SIGNAL, wire.PAUSE_SIGNAL, wire.MOVE_TO_SIGNAL]);

function move({ siteId, input }: Site, before: SchedulerState, order: unknown): SchedulerState {
  const { taskQueue } = workflowInfo();
  const state = requestMove(before, { taskQueue, activityTaskQueue: input.activityTaskQueue ?? null }, order);
  if (state === before)
    log.warn('moveTo changes nothing: it names no task queue, or those where the site is', { site: siteId });
  return state;
}

function onSignal(
  site: Site,
  name: string,
  description: string,
  change: (state: SchedulerState, argument: unknown) => SchedulerState,
): void {
  const receive = (argument?: unknown): void => {
    log.info(`${name} received`, { site: site.siteId });
    const before = site.state;
    site.state = change(before, argument);
    if (site.state !== before) site.messages += 1; // woken for nothing, the loop would drop a timer that fires in the same task
    site.turns += 1;
    if (ENDS_OPERATION.has(name) && (site.state !== before || name !== wire.MOVE_TO_SIGNAL)) endOperation(site);
  };
  setHandler(defineSignal(name), receive, { description });
}

/**
 * Callers who ask while a probe is under way share it. Else a few who ask again and again would always have one under way,
 * and this run could neither end nor continue as new, both of which wait for the handlers.
 */
function receiveRefresh(site: Site): void {
  let underWay: Promise<void> | null = null;
  const probe = async (): Promise<void> => {
    try {
      await lookAtDatabases(site);
    } finally {
      underWay = null;
    }
    site.messages += 1; // an open breaker may have closed
  };
  const refresh = async (): Promise<Status> => {
    site.turns += 1;
    await (underWay ??= probe()).catch((failure: unknown) => refuseWithReason(failure, site.siteId));
    return toStatus(site.siteId, site.state);
  };
  setHandler(refreshStatus, refresh, { description: 'Looks at both databases now and answers with a live status' });
}

/** The caller learns why, and not only that an activity has failed. */
function refuseWithReason(failure: unknown, siteId: string): never {
  if (isCancellation(failure) || !(failure instanceof ActivityFailure)) throw failure;
  const report = toFailureReport(failure, siteId);
  throw ApplicationFailure.nonRetryable(report.message, report.kind, report);
}

function receiveConfigure(site: Site): void {
  const change = (settings: Partial<SchedulerSettings>): SchedulerSettings => {
    site.state = configure(site.state, settings, site.state.reachedAt);
    site.messages += 1;
    site.turns += 1;
    log.info('configured', { site: site.siteId, ...site.state.settings });
    return site.state.settings;
  };
  const validator = (settings: Partial<SchedulerSettings>): void => {
    const problems = findConfigureProblems(settings);
    if (problems.length > 0) throw ApplicationFailure.nonRetryable(problems.join('; '), INVALID_INPUT);
  };
  const description = 'Changes settings, such as {"intervalMs": 60000, "batchRows": 50000}; answers with all in force';
  setHandler(configureUpdate, change, { description, validator });
}

/** The site keeps the decision, and its next download acts on it: the workflow itself has nothing to remember. */
function receiveDecision(site: Site): void {
  const decide = async ({ table, decision, by, change }: DownloadDecision): Promise<HeldDownload> => {
    site.turns += 1;
    const named = change === undefined || change === null ? {} : { change }; // other languages send null
    const input = { siteId: site.siteId, table, decision, by, ...named };
    const { result: held, ran } = await callsOf(site)
      .decideDownload(input)
      .catch((failure: unknown) => refuseWithReason(failure, site.siteId));
    reach(site, ran?.endedAt);
    log.info('held download decided', { site: site.siteId, table: held.table, change: held.change, decision, by });
    return held;
  };
  const validator = (input: DownloadDecision): void => {
    const problems = findDecisionProblems(input);
    if (problems.length > 0) throw ApplicationFailure.nonRetryable(problems.join('; '), INVALID_INPUT);
  };
  const description = 'Decides on a held download, such as {"table": "meter", "decision": "approve", "by": "anna"}';
  setHandler(decideDownload, decide, { description, validator });
}
