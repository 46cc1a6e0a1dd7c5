import {
  QueryNotRegisteredError,
  QueryRejectedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import type { DownloadDecision, HeldDownload } from '../model/guard.js';
import type { Activities } from '../model/operations.js';
import type { MoveOrder, PauseOrder } from '../model/orders.js';
import type { SchedulerSettings } from '../model/scheduler-settings.js';
import type { Status } from '../model/status.js';
import * as wire from '../model/wire.js';
import { callTemporal } from './call.js';
import { CALL_TIMEOUT_MS, type TemporalClient } from './connection.js';
import { NoWorker, Refused, StillRunning, StuckTask, Unreachable } from './errors.js';
import { toNotRunning } from './running-sites.js';
import { readSiteRecord, type SiteRecord } from './site-record.js';
import { takeChange } from './take-change.js';
import { isPolled, type Pollers, readPollers } from './task-queue.js';
import { GRPC, toGrpcCode } from './translate-errors.js';

/** Long enough for a busy worker; after that the worker which the workflow was last with is not waited for any more. */
const FIRST_ASK_MS = 1_500;
/** The second time any worker may answer. */
const SECOND_ASK_MS = 2_000;
/** An update that was sent cannot be sent again, so it waits until Temporal has given up a worker that was just replaced. */
const CONFIGURE_TIMEOUT_MS = 12_000;
/** A probe asks both databases and gives each ten seconds to connect; a decision waits for the site's worker as long. */
const REFRESH_TIMEOUT_MS = 35_000;

/** A site's workflow. Signals need no worker; the status and updates do. Every method may be called again. */
export interface SiteHandle {
  readonly siteId: string;
  readonly workflowId: string;
  /** @throws NotRunning, Unreachable, Refused */
  stop(): Promise<void>;
  /** @throws NotRunning, Unreachable, Refused */
  pause(order?: PauseOrder): Promise<void>;
  /** @throws NotRunning, Unreachable, Refused */
  resume(): Promise<void>;
  /** With `full` refused rows are tried again. @throws NotRunning, Unreachable, Refused */
  syncNow(order?: { readonly full: true }): Promise<void>;
  /**
   * Continues on other task queues, once the running cycle has ended. Whether a worker polls them is the caller's to see: none there, and
   * the site waits for one.
   * @throws NotRunning, Unreachable, Refused
   */
  moveTo(order: MoveOrder): Promise<void>;
  /**
   * Answers with all settings in force.
   * @throws NoWorker - and then the change may still be taken up by the next worker
   * @throws NotRunning, Unreachable, Refused
   */
  configure(change: Partial<SchedulerSettings>): Promise<SchedulerSettings>;
  /**
   * Decides on a held download; the site's next download acts on it.
   * @throws NoWorker - and then the decision may still be taken up by the next worker
   * @throws InvalidChange - nothing is held, or not what was looked at; NotRunning, Unreachable, Refused
   */
  decideDownload(decision: DownloadDecision): Promise<HeldDownload>;
  /** A status with live figures of both databases. @throws NoWorker - also when the workflow answers, and no worker of the site looks; NotRunning, Unreachable, Refused */
  refreshStatus(): Promise<Status>;
  /** The status as the workflow has it, within some four seconds. @throws NoWorker, StuckTask, NotRunning, Unreachable, Refused */
  status(): Promise<Status>;
  /** What Temporal knows without a worker; null when it knows of no workflow. @throws Unreachable, Refused */
  record(): Promise<SiteRecord | null>;
  /** Who polls a task queue of the site. @throws Unreachable, Refused */
  pollers(taskQueue: string): Promise<Pollers>;
  /**
   * Waits for the end of the workflow and answers with its final status.
   * @throws StillRunning after `timeoutMs`; NotRunning when it ended in another way; Unreachable, Refused
   */
  result(timeoutMs: number): Promise<Status>;
}

/** The handle of a site, whether it runs or not: nothing is asked before a method is called. */
export function siteHandle(temporal: TemporalClient, siteId: string): SiteHandle {
  const site: SiteWorkflow = { temporal, siteId, workflowId: wire.toWorkflowId(siteId) };
  const { workflow } = temporal.client;
  const handle = workflow.getHandle(site.workflowId);
  const signal =
    (name: string) =>
    (argument?: object): Promise<void> =>
      ofRunning(site, () => handle.signal(name, ...(argument === undefined ? [] : [argument])));
  return {
    siteId,
    workflowId: site.workflowId,
    stop: signal(wire.STOP_SIGNAL),
    pause: signal(wire.PAUSE_SIGNAL),
    resume: signal(wire.RESUME_SIGNAL),
    syncNow: signal(wire.SYNC_NOW_SIGNAL),
    moveTo: signal(wire.MOVE_TO_SIGNAL),
    configure: (change) =>
      takeChange(change, 'meter-sync configure --help', () => {
        const args: [Partial<SchedulerSettings>] = [change];
        const update = () => handle.executeUpdate<SchedulerSettings, typeof args>(wire.CONFIGURE_UPDATE, { args });
        return ofWorker(site, update, CONFIGURE_TIMEOUT_MS);
      }),
    decideDownload: (decision) =>
      takeChange(decision, `meter-sync downloads show --site ${siteId}`, () => {
        const args: [DownloadDecision] = [decision];
        const update = () => handle.executeUpdate<HeldDownload, typeof args>(wire.DECIDE_DOWNLOAD_UPDATE, { args });
        return ofWorker(site, update, REFRESH_TIMEOUT_MS);
      }),
    refreshStatus: () => {
      const update = () => handle.executeUpdate<Status, []>(wire.REFRESH_STATUS_UPDATE);
      return ofWorker(site, update, REFRESH_TIMEOUT_MS, refuseUntaken);
    },
    status: () => askTwice(site, () => handle.query<Status>(wire.GET_STATUS_QUERY)),
    record: () => readSiteRecord(temporal, siteId),
    pollers: (taskQueue) => readPollers(temporal, taskQueue),
    result: (timeoutMs) => awaitResult(site, () => handle.result() as Promise<Status>, timeoutMs),
  };
}

interface SiteWorkflow {
  readonly temporal: TemporalClient;
  readonly siteId: string;
  readonly workflowId: string;
}

/** A call that needs a workflow which runs. */
async function ofRunning<Result>(
  site: SiteWorkflow,
  call: () => Promise<Result>,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<Result> {
  try {
    return await callTemporal(site.temporal, call, options);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError || error instanceof QueryRejectedError)) throw error;
    const record = await readSiteRecord(site.temporal, site.siteId);
    throw await toNotRunning(site.temporal, site.siteId, record?.closing ?? null);
  }
}

/**
 * A call that a worker must answer. Temporal itself takes such a call even when nobody polls, and keeps it waiting: so the
 * pollers are asked at the same time, and with none there the answer is not waited for. The worker's time begins when Temporal has
 * answered that: a slow link to Temporal is not a worker that is gone.
 */
async function ofWorker<Result>(
  site: SiteWorkflow,
  call: () => Promise<Result>,
  timeoutMs: number,
  refuse?: (site: SiteWorkflow, signal: AbortSignal) => Promise<never>,
): Promise<Result> {
  const givenUp = new AbortController();
  const { signal } = givenUp;
  const answer = ofRunning(site, call, { timeoutMs: timeoutMs + 2 * CALL_TIMEOUT_MS, signal });
  answer.catch(() => undefined); // handled below, unless nobody can answer: then it is given up, unheard
  const found = findWorker(site, signal);
  const silence = found.then(async (noWorker) => {
    await pause(timeoutMs, signal);
    throw noWorker;
  });
  const refusals = [silence, ...(refuse === undefined ? [] : [refuse(site, signal)])];
  for (const refusal of refusals) refusal.catch(() => undefined); // told below, unless the answer came first
  try {
    return await Promise.race([answer, found.then(() => answer), ...refusals]);
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    throw await found; // where the workflow has ended or nobody polls, that tells better why
  } finally {
    givenUp.abort(); // else it would keep the process for the rest of its time
  }
}

/**
 * A query goes to the worker that has the workflow in its memory. Temporal misses one that was killed only after ten seconds,
 * and others could answer long before: so the second time the query goes to whoever polls.
 */
async function askTwice(site: SiteWorkflow, ask: () => Promise<Status>): Promise<Status> {
  const query = (): Promise<Status> => askReadyWorker(ask);
  try {
    return await ofWorker(site, query, FIRST_ASK_MS);
  } catch (error) {
    if (!(error instanceof NoWorker) || !error.isSilent) throw error;
  }
  await forgetWorker(site);
  return ofWorker(site, query, SECOND_ASK_MS);
}

/** A worker that is there takes a look within moments. */
const TAKEN_WITHIN_MS = 2_500;
const LOOK_EVERY_MS = 400;
const PROBE: keyof Activities = 'probe';

/**
 * The workflow answers, and the look at the databases is for a worker of the site, which may be another one: when none takes it,
 * nobody waits for the end of its time.
 * @throws NoWorker when a probe of the site waits for a worker
 */
async function refuseUntaken(site: SiteWorkflow, signal: AbortSignal): Promise<never> {
  let since: number | null = null;
  for (;;) {
    await pause(LOOK_EVERY_MS, signal);
    const record = await readSiteRecord(site.temporal, site.siteId, signal);
    const probe = record?.pending.find(({ name, isStarted }) => name === PROBE && !isStarted);
    if (probe === undefined) since = null;
    else if (Date.now() - (since ??= Date.now()) < TAKEN_WITHIN_MS) continue;
    else {
      const taskQueue = probe.taskQueue ?? record?.taskQueue ?? '';
      throw new NoWorker(
        site.siteId,
        taskQueue,
        await readPollers(site.temporal, taskQueue, { kind: 'activities', signal }),
      );
    }
  }
}

/** How often a worker may say that it was not ready: each time it takes the workflow up again from its history. */
const MAX_ASKED = 4;

/** A worker that takes a workflow over refuses a query now and then, see `src/model/activations.ts`, and answers the next one. */
async function askReadyWorker(ask: () => Promise<Status>): Promise<Status> {
  for (let asked = 1; ; asked += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof QueryNotRegisteredError) || asked === MAX_ASKED) throw error; // the SDK's name for a query that failed
    }
  }
}

/** The workflow's next task goes to any worker, which reads its history anew: nothing else changes. */
async function forgetWorker({ temporal, workflowId }: SiteWorkflow): Promise<void> {
  const { client, namespace } = temporal;
  try {
    const request = { namespace, execution: { workflowId } };
    await callTemporal(temporal, () => client.workflowService.resetStickyTaskQueue(request));
  } catch (error) {
    if (!(error instanceof Refused)) throw error; // who may only read goes on without
  }
}

/**
 * Looks who polls the task queue of a site, and answers with what to tell when that worker does not answer.
 * @throws NotRunning; NoWorker when the site runs and nobody polls; StuckTask when its own code fails there
 */
async function findWorker(site: SiteWorkflow, signal: AbortSignal): Promise<NoWorker> {
  const record = await readSiteRecord(site.temporal, site.siteId, signal);
  if (record === null || record.closing !== null)
    throw await toNotRunning(site.temporal, site.siteId, record?.closing ?? null);
  const pollers = await readPollers(site.temporal, record.taskQueue, { signal });
  if (!isPolled(pollers, Date.now())) throw new NoWorker(site.siteId, record.taskQueue, pollers);
  if (record.failingTask !== null) throw new StuckTask(site.siteId, record.failingTask);
  return new NoWorker(site.siteId, record.taskQueue, pollers, { isSilent: true });
}

/** @throws the signal's reason */
function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, durationMs);
    const end = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** True for the ways in which Temporal says that no worker took the call. */
function isUnanswered(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  if (error instanceof Unreachable) return error.isTimeout;
  return toGrpcCode(error) === GRPC.failedPrecondition;
}

async function awaitResult(site: SiteWorkflow, result: () => Promise<Status>, timeoutMs: number): Promise<Status> {
  try {
    return await ofRunning(site, result, { timeoutMs });
  } catch (error) {
    if (error instanceof Unreachable && error.isTimeout) throw new StillRunning(site.siteId, timeoutMs);
    if (!(error instanceof WorkflowFailedError)) throw error;
    const record = await readSiteRecord(site.temporal, site.siteId);
    throw await toNotRunning(site.temporal, site.siteId, record?.closing ?? null);
  }
}
