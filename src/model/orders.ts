/** What a pause may be told. */
export interface PauseOrder {
  readonly by?: string;
  readonly reason?: string;
}

/** Where a site goes on. */
export interface MoveOrder {
  readonly taskQueue: string;
  /** Where its activities run; absent or null: on that same task queue. */
  readonly activityTaskQueue?: string | null;
}

/** How much of a name or a reason is kept. */
const MAX_TEXT = 200;
/** Temporal takes names of so many bytes. */
const MAX_QUEUE_NAME = 1_000;

/** Who wants a pause and why. It comes from any client: only texts are taken. */
export function readPause(order: unknown): { readonly by: string | null; readonly reason: string | null } {
  const { by, reason } = (order ?? {}) as Partial<Record<keyof PauseOrder, unknown>>;
  return { by: toText(by), reason: toText(reason) };
}

function toText(told: unknown): string | null {
  return typeof told === 'string' && told.trim() !== '' ? told.trim().slice(0, MAX_TEXT) : null;
}

/** A move, whole; null: what a client has sent is none, and half of it would send a site to where nobody polls. */
export function readMove(order: unknown): Required<MoveOrder> | null {
  const { taskQueue, activityTaskQueue = null } = (order ?? {}) as Partial<Record<keyof MoveOrder, unknown>>;
  if (!isQueueName(taskQueue) || !(activityTaskQueue === null || isQueueName(activityTaskQueue))) return null;
  return { taskQueue, activityTaskQueue: activityTaskQueue === taskQueue ? null : activityTaskQueue };
}

function isQueueName(told: unknown): told is string {
  return typeof told === 'string' && told.trim() !== '' && told.length <= MAX_QUEUE_NAME;
}
