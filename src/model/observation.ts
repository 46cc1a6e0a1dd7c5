import type { FailureReport } from './failures.js';

/** An activity that has been asked for and has not ended. */
export interface PendingActivity {
  readonly name: string;
  readonly attempt: number;
  /** Why the attempt before failed; null at the first. */
  readonly lastFailure: string | null;
  /** The same as the attempt reported it; null: it could not, or a codec of the namespace hides it from us. */
  readonly lastReport: FailureReport | null;
  /** True once a worker has taken this attempt. */
  readonly isStarted: boolean;
  /** Since when this attempt waits for a worker, or until when for its turn. ISO 8601 UTC. */
  readonly scheduledAt: string | null;
  /** Where it waits for a worker; null: the server does not say, since it is an old one. */
  readonly taskQueue: string | null;
  /** What its last heartbeat told; null without one, and where a codec of the namespace hides it from us. */
  readonly progress: unknown;
}

/** A worker that does not answer. */
export interface AbsentWorker {
  /** One sentence. */
  readonly message: string;
  readonly next: string;
  /** When it was last seen to ask for work, ISO 8601 UTC; null: not lately. */
  readonly lastSeenAt: string | null;
}

/** A workflow task that fails again and again: a worker of another version, or a defect. */
export interface FailingTask {
  readonly attempt: number;
  /** ISO 8601 UTC; null: not known. */
  readonly since: string | null;
  /** What the worker said; null: not known. */
  readonly message: string | null;
}

/** What only an observer outside of the workflow can say of a site: Temporal tells it. */
export interface Observation {
  /** Attempts under way: they tell of a failure while Temporal still tries again, a minute before the status has it. */
  readonly pending: readonly PendingActivity[];
  /** Null: one answers. */
  readonly absentWorker: AbsentWorker | null;
  /** Null: none fails. */
  readonly failingTask: FailingTask | null;
}

/** Nobody outside has looked. */
export const NOTHING_SEEN: Observation = { pending: [], absentWorker: null, failingTask: null };
