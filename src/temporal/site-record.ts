import { type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { type FailureReport, isFailureKind } from '../model/failures.js';
import { readMemo, type SiteMemo } from '../model/memo.js';
import type { FailingTask, PendingActivity } from '../model/observation.js';
import { STATUS_MEMO, toWorkflowId } from '../model/wire.js';
import { callTemporal } from './call.js';
import type { TemporalClient } from './connection.js';
import type { Closing } from './errors.js';
import { readFailingTask } from './failing-task.js';
import { SITE_KEYS } from './search-attributes.js';

/** What Temporal itself knows of a site, without asking a worker. */
export interface SiteRecord {
  readonly siteId: string;
  readonly workflowId: string;
  readonly runId: string;
  /** Events of that run: it grows while the workflow goes on. */
  readonly historyLength: number;
  /** The same over all runs that continue one another: what the upload is claimed for. */
  readonly firstRunId: string;
  readonly taskQueue: string;
  /** When the site was started; runs that continued it since do not count. ISO 8601 UTC. */
  readonly startedAt: string;
  /** Null while it runs. */
  readonly closing: Closing | null;
  /** As the workflow last published them; null when it never did. */
  readonly lastKnown: {
    readonly state: string | null;
    readonly health: string | null;
    readonly lag: string | null;
  };
  /** The last known figures, dated; null: none were written. */
  readonly memo: SiteMemo | null;
  /** Attempts of activities under way, of which a failing one says why. */
  readonly pending: readonly PendingActivity[];
  /** Null: the workflow's own code runs. */
  readonly failingTask: FailingTask | null;
}

/** `temporal.api.enums.v1.PendingActivityState` of an attempt that no worker has taken. */
const SCHEDULED = 1;
/** Temporal's own words for an attempt whose worker fell silent say nothing of a worker. */
const WORKER_GONE = 'the worker that ran it has gone';

/**
 * What Temporal knows of a site's latest run; null when it knows of none.
 * @throws Unreachable, Refused
 */
export async function readSiteRecord(
  temporal: TemporalClient,
  siteId: string,
  signal?: AbortSignal,
): Promise<SiteRecord | null> {
  const workflowId = toWorkflowId(siteId);
  const describe = (runId?: string): Promise<WorkflowExecutionDescription | null> =>
    describeRun(temporal, { workflowId, runId, signal });
  const latest = await describe();
  if (latest === null) return null;
  const firstRunId = latest.raw.workflowExecutionInfo?.firstRunId ?? latest.runId;
  const isFirst = firstRunId === '' || firstRunId === latest.runId;
  const first = isFirst ? latest : await describe(firstRunId);
  const attributes = latest.typedSearchAttributes;
  return {
    siteId,
    workflowId,
    runId: latest.runId,
    historyLength: latest.historyLength,
    firstRunId: isFirst ? latest.runId : firstRunId,
    taskQueue: latest.taskQueue,
    startedAt: (first ?? latest).startTime.toISOString(), // the first run is forgotten when its retention has passed
    closing: toClosing(latest),
    lastKnown: {
      state: attributes.get(SITE_KEYS.state) ?? null,
      health: attributes.get(SITE_KEYS.health) ?? null,
      lag: attributes.get(SITE_KEYS.lag) ?? null,
    },
    memo: readMemo(latest.memo?.[STATUS_MEMO]),
    pending: (latest.raw.pendingActivities ?? []).map(toPending),
    failingTask: await readFailingTask(temporal, latest, signal),
  };
}

type RawPending = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];

function toPending(activity: RawPending): PendingActivity {
  const { activityType, attempt, lastFailure, state, scheduledTime, heartbeatDetails, activityOptions } = activity;
  const isTimeout = lastFailure?.timeoutFailureInfo !== undefined && lastFailure.timeoutFailureInfo !== null;
  return {
    name: activityType?.name ?? '',
    attempt: attempt ?? 1,
    lastFailure: isTimeout ? WORKER_GONE : (lastFailure?.message ?? null),
    lastReport: toReport(readFirst(lastFailure?.applicationFailureInfo?.details)),
    isStarted: state !== SCHEDULED,
    scheduledAt: scheduledTime?.seconds ? new Date(Number(scheduledTime.seconds) * 1000).toISOString() : null,
    taskQueue: activityOptions?.taskQueue?.name ?? null,
    progress: readFirst(heartbeatDetails),
  };
}

/** The report that an attempt gave of its failure, see `activities/failures.ts`. */
function toReport(told: unknown): FailureReport | null {
  const { kind, message, next } = (told ?? {}) as Partial<Record<keyof FailureReport, unknown>>;
  return isFailureKind(kind) && typeof message === 'string' && typeof next === 'string'
    ? (told as FailureReport)
    : null;
}

function readFirst(details: RawPending['heartbeatDetails']): unknown {
  const payload = details?.payloads?.[0];
  try {
    return payload === undefined ? null : defaultPayloadConverter.fromPayload(payload);
  } catch {
    return null; // encrypted, say: the rest of what Temporal knows is still worth telling
  }
}

function toClosing({ status, closeTime }: WorkflowExecutionDescription): Closing | null {
  if (status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW') return null; // between two runs it runs on
  return { how: status.name, closedAt: closeTime?.toISOString() ?? null };
}

async function describeRun(
  temporal: TemporalClient,
  { workflowId, runId, signal }: { workflowId: string; runId: string | undefined; signal: AbortSignal | undefined },
): Promise<WorkflowExecutionDescription | null> {
  const call = (): Promise<WorkflowExecutionDescription> =>
    temporal.client.workflow.getHandle(workflowId, runId).describe();
  try {
    return await callTemporal(temporal, call, signal === undefined ? {} : { signal });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
