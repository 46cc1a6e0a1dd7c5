import { toWorkflowId, WORKFLOW_TYPE } from '../model/wire.js';
import { callTemporal } from './call.js';
import type { TemporalClient } from './connection.js';
import { type Closing, NotRunning, TemporalError } from './errors.js';

const QUERY = `WorkflowType = '${WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'`;
/** A misspelt name is looked for among so many; more would keep a person waiting. */
const MAX_SITES = 1_000;

/** The error for a site that does not run; where Temporal knows of none by that name, with those that run. */
export async function toNotRunning(
  temporal: TemporalClient,
  siteId: string,
  closing: Closing | null,
): Promise<NotRunning> {
  return new NotRunning(siteId, closing, closing === null ? await listRunningSites(temporal) : []);
}

/** Empty where the list cannot be had: it only helps. */
async function listRunningSites(temporal: TemporalClient): Promise<string[]> {
  const { client, namespace } = temporal;
  const request = { namespace, query: QUERY, pageSize: MAX_SITES };
  try {
    const { executions } = await callTemporal(temporal, () => client.workflowService.listWorkflowExecutions(request));
    const prefix = toWorkflowId('');
    const ids = (executions ?? []).map(({ execution }) => execution?.workflowId ?? '');
    return ids
      .filter((id) => id.startsWith(prefix))
      .map((id) => id.slice(prefix.length))
      .sort();
  } catch (error) {
    if (error instanceof TemporalError) return [];
    throw error;
  }
}
