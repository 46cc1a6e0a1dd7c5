import { defaultPayloadConverter } from '@temporalio/common';
import type { SyncSchedulerInput } from '../model/scheduler.js';
import { callTemporal } from './call.js';
import type { TemporalClient } from './connection.js';

/**
 * The task queue on which a site's workflow asks for its activities: what its run was started with, or continued with. Null: it has
 * none of its own, or a codec of the namespace hides it from us.
 * @throws Unreachable, Refused
 */
export async function readActivityTaskQueue(
  temporal: TemporalClient,
  { workflowId, runId }: { readonly workflowId: string; readonly runId: string },
): Promise<string | null> {
  const { client, namespace } = temporal;
  const request = { namespace, execution: { workflowId, runId }, maximumPageSize: 1 };
  const { history } = await callTemporal(temporal, () => client.workflowService.getWorkflowExecutionHistory(request));
  const payload = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  try {
    const input =
      payload === undefined ? null : defaultPayloadConverter.fromPayload<Partial<SyncSchedulerInput>>(payload);
    return input?.activityTaskQueue ?? null;
  } catch {
    return null; // encrypted, say
  }
}
