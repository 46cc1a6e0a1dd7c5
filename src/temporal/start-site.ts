import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import type { SyncSchedulerInput } from '../model/scheduler.js';
import type { SchedulerSettings } from '../model/scheduler-settings.js';
import { toWorkflowId, WORKFLOW_TYPE } from '../model/wire.js';
import { CALL_TIMEOUT_MS, type TemporalClient } from './connection.js';
import { AlreadyRunning } from './errors.js';
import { type AttributesOfNamespace, ensureSearchAttributes, toStartAttributes } from './search-attributes.js';
import { readSiteRecord } from './site-record.js';
import { GRPC, toGrpcCode, toTemporalError } from './translate-errors.js';

/** What a start needs; a settings object of the worker fits. */
export interface StartSite extends SchedulerSettings {
  readonly siteId: string;
  readonly taskQueue: string;
  readonly activityTaskQueue?: string;
}

/** A site that was started now. */
export interface StartedSite {
  readonly siteId: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly taskQueue: string;
}

/** A server takes new search attributes only after it has read its namespaces again, which it does every ten seconds. */
const ATTRIBUTES_TAKEN_AFTER_MS = 20_000;
const RETRY_EVERY_MS = 500;

/**
 * Starts a site's workflow. The search attributes are registered first where they are missing; a namespace that has no room or no
 * rights for them does without.
 * @throws AlreadyRunning - with the instant since when
 * @throws Unreachable, Refused
 */
export async function startSite(temporal: TemporalClient, site: StartSite): Promise<StartedSite> {
  const { registered, present } = await ensureAttributes(temporal);
  const deadline = Date.now() + (registered.length > 0 ? ATTRIBUTES_TAKEN_AFTER_MS : 0);
  let attributes = toStartAttributes(site.siteId, present);
  for (;;) {
    try {
      return await startOnce(temporal, site, attributes);
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) throw await toAlreadyRunning(temporal, site.siteId);
      if (toGrpcCode(error) !== GRPC.invalidArgument || attributes.length === 0) throw toTemporalError(error, temporal);
      if (Date.now() >= deadline) attributes = [];
      else await new Promise((resolve) => setTimeout(resolve, RETRY_EVERY_MS));
    }
  }
}

async function ensureAttributes(temporal: TemporalClient): Promise<AttributesOfNamespace> {
  try {
    return await ensureSearchAttributes(temporal.client.connection, temporal.namespace);
  } catch (error) {
    throw toTemporalError(error, temporal);
  }
}

async function startOnce(
  temporal: TemporalClient,
  site: StartSite,
  typedSearchAttributes: SearchAttributePair[],
): Promise<StartedSite> {
  const { siteId, taskQueue, activityTaskQueue, intervalMs, batchRows } = site;
  const workflowId = toWorkflowId(siteId);
  const isApart = activityTaskQueue !== undefined && activityTaskQueue !== taskQueue;
  const input: SyncSchedulerInput = { siteId, intervalMs, batchRows, ...(isApart ? { activityTaskQueue } : {}) };
  const { client } = temporal;
  const start = (): Promise<{ firstExecutionRunId: string }> =>
    client.workflow.start(WORKFLOW_TYPE, {
      workflowId,
      taskQueue,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: `meter-sync of site ${siteId}`,
      typedSearchAttributes,
    });
  const { firstExecutionRunId } = await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, start);
  return { siteId, workflowId, runId: firstExecutionRunId, taskQueue };
}

async function toAlreadyRunning(temporal: TemporalClient, siteId: string): Promise<AlreadyRunning> {
  const record = await readSiteRecord(temporal, siteId);
  return new AlreadyRunning(siteId, toWorkflowId(siteId), record?.startedAt ?? null);
}
