import type { TemporalClient } from './connection.js';
import { callTemporal } from './call.js';

/** `temporal.api.enums.v1.TaskQueueType`. */
const TASK_QUEUE_TYPES = { workflows: 1, activities: 2 } as const;

/** Who polls a task queue; Temporal forgets a poller some five minutes after its last poll. */
export interface Pollers {
  readonly taskQueue: string;
  readonly workers: readonly Poller[];
  /** The latest poll began then, ISO 8601 UTC; null: none in the last minutes. */
  readonly lastSeenAt: string | null;
}

/** A worker as it shows itself when it polls. */
export interface Poller {
  /** Ours say `meter-sync@host:pid`. */
  readonly identity: string;
  /** Of its code; null: Temporal does not say. */
  readonly version: string | null;
  /** ISO 8601 UTC. */
  readonly lastSeenAt: string;
}

/** A poll that finds nothing ends after a minute and the next one follows, so a worker that lives was seen since. */
const ALIVE_WITHIN_MS = 75_000;

/**
 * The pollers of a task queue, as the server has seen them.
 * @throws Unreachable, Refused
 */
export async function readPollers(
  temporal: TemporalClient,
  taskQueue: string,
  {
    kind = 'workflows',
    ...options
  }: { readonly kind?: keyof typeof TASK_QUEUE_TYPES; readonly signal?: AbortSignal } = {},
): Promise<Pollers> {
  const { client, namespace } = temporal;
  const request = { namespace, taskQueue: { name: taskQueue }, taskQueueType: TASK_QUEUE_TYPES[kind] };
  const answer = await callTemporal(temporal, () => client.workflowService.describeTaskQueue(request), options);
  const workers = (answer.pollers ?? []).map(toPoller).sort((a, b) => (a.lastSeenAt < b.lastSeenAt ? 1 : -1));
  return { taskQueue, workers, lastSeenAt: workers[0]?.lastSeenAt ?? null };
}

function toPoller({ identity, lastAccessTime, deploymentOptions, workerVersionCapabilities }: RawPoller): Poller {
  const version = deploymentOptions?.buildId ?? workerVersionCapabilities?.buildId ?? '';
  return {
    identity: identity ?? '',
    version: version === '' ? null : version,
    lastSeenAt: new Date(Number(lastAccessTime?.seconds ?? 0) * 1_000).toISOString(),
  };
}

type RawPoller = NonNullable<
  Awaited<ReturnType<TemporalClient['client']['workflowService']['describeTaskQueue']>>['pollers']
>[number];

/** True when a worker may be polling now; one that was killed looks alive for another minute. */
export function isPolled({ lastSeenAt }: Pollers, now: number): boolean {
  return lastSeenAt !== null && now - Date.parse(lastSeenAt) < ALIVE_WITHIN_MS;
}
