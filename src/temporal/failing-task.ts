import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { FailingTask } from '../model/observation.js';
import { callTemporal } from './call.js';
import type { TemporalClient } from './connection.js';

/** From this attempt on the server answers no query of the workflow, and refuses its updates. Two failures may be a deployment. */
const FAILS_FROM_ATTEMPT = 3;
/** The first failure of a task is written to the history, later ones are not: behind it are only signals and what activities answered. */
const LATEST_EVENTS = 50;
/** A stack trace belongs to the worker's log. */
const MAX_MESSAGE_LENGTH = 300;

/**
 * A workflow task that fails again and again, with what the worker said; null when none does.
 * @throws Unreachable, Refused
 */
export async function readFailingTask(
  temporal: TemporalClient,
  { raw, workflowId, runId }: WorkflowExecutionDescription,
  signal: AbortSignal | undefined,
): Promise<FailingTask | null> {
  const { originalScheduledTime, scheduledTime, ...task } = raw.pendingWorkflowTask ?? {};
  const attempt = task.attempt ?? 1;
  if (attempt < FAILS_FROM_ATTEMPT) return null;
  const failure = await readFailure(temporal, { workflowId, runId }, signal);
  return {
    attempt,
    since: failure?.at ?? toIso(originalScheduledTime ?? scheduledTime),
    message: failure === null ? null : toOneLine(failure.message),
  };
}

async function readFailure(
  temporal: TemporalClient,
  execution: { readonly workflowId: string; readonly runId: string },
  signal: AbortSignal | undefined,
): Promise<{ readonly message: string; readonly at: string | null } | null> {
  const { client, namespace } = temporal;
  const request = { namespace, execution, maximumPageSize: LATEST_EVENTS };
  const { history } = await callTemporal(
    temporal,
    () => client.workflowService.getWorkflowExecutionHistoryReverse(request),
    signal === undefined ? {} : { signal },
  );
  for (const { workflowTaskFailedEventAttributes: failed, eventTime } of history?.events ?? []) {
    const message = failed?.failure?.message ?? '';
    if (message !== '') return { message, at: toIso(eventTime) };
  }
  return null;
}

function toIso(time: { readonly seconds?: unknown } | null | undefined): string | null {
  return time?.seconds ? new Date(Number(time.seconds) * 1_000).toISOString() : null;
}

function toOneLine(message: string): string {
  const line = (message.split('\n')[0] ?? '').trim();
  return line.length > MAX_MESSAGE_LENGTH ? `${line.slice(0, MAX_MESSAGE_LENGTH)}...` : line;
}
