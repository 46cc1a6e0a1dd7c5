import { type Breaker, CLOSED_BREAKER } from './breaker.js';
import type { FailureReport } from './failures.js';
import { laterOf } from './loop-clock.js';
import type { LostAtRemote } from './lost.js';
import type { Activities, ChainHead, DownloadResult, UploadReadingsResult } from './operations.js';
import type { MoveOrder } from './orders.js';
import { applySettings, DEFAULT_SETTINGS, type SchedulerSettings } from './scheduler-settings.js';
import { phaseOf } from './ticks.js';
import type { UploadWait } from './upload-wait.js';

/** The three operations of a cycle, in their order. */
export const OPERATIONS = ['upload', 'meters', 'tenants'] as const;
/** One of them, by the name that it has in the state and in the status. */
export type Operation = (typeof OPERATIONS)[number];

/** Which operation of the status an activity is; null: none of them. */
export const OPERATION_OF: Readonly<Record<keyof Activities, Operation | null>> = {
  uploadReadings: 'upload',
  downloadMeters: 'meters',
  downloadTenants: 'tenants',
  probe: null,
  decideDownload: null,
};

/** The result type of each operation. */
export interface OperationResults {
  upload: UploadReadingsResult;
  meters: DownloadResult;
  tenants: DownloadResult;
}

/** How an operation ended: with a result, or with a failure of its own. */
export interface Outcome<Result> {
  readonly ok: boolean;
  /** When it was asked for, by the loop's clock. ISO 8601 UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** When the first failure of an unbroken row of them was asked for, ISO 8601 UTC. Absent: it went well. */
  readonly failedSince?: string;
  readonly result: Result | null;
  readonly error: FailureReport | null;
}

/** What is known of the two databases; null is unknown. */
export interface Observed {
  /** Readings that wait to be uploaded, those in quarantine not among them. */
  readonly queueSize: number | null;
  /** True when `queueSize` is what the planner expects, since counting would have taken too long. */
  readonly queueSizeIsEstimate: boolean | null;
  /** ISO 8601 UTC; null also when the queue is empty. */
  readonly oldestUnsynced: string | null;
  readonly quarantined: number | null;
  readonly totalRecordsSynced: number | null;
  readonly localMeterCount: number | null;
  readonly remoteMeterCount: number | null;
  readonly localTenantCount: number | null;
  readonly remoteTenantCount: number | null;
  readonly localDbConnected: boolean | null;
  readonly remoteDbConnected: boolean | null;
  /** Delivered readings that the remote has no more; null: none are known. */
  readonly lostAtRemote: LostAtRemote | null;
  /** The last record of the site's custody chain, as the last batch wrote it; null: not known, or there is none. */
  readonly chainHead: ChainHead | null;
  /** How far the local server's clock is ahead of the remote's; negative: behind. Null: not known. */
  readonly clockDifferenceMs: number | null;
  /** Fingerprint of the key that signs the site's custody records, to be compared aloud. */
  readonly signingKey: string | null;
  /** When the queue was last counted, by an upload or a probe, ISO 8601 UTC. The rest is of its operation's last outcome. */
  readonly observedAt: string | null;
}

/** A full cycle does all three operations; a catch-up cycle uploads the backlog alone. */
export type CycleKind = 'full' | 'catchUp';

/** The version of `SchedulerState` that this code reads and writes. */
export const STATE_VERSION = 1;

/**
 * All that a scheduler knows. Carried whole into the next run by continue-as-new, so it stays small, is JSON, and the
 * code that reads it knows every released version. Instants are epoch milliseconds of the loop's clock unless a field says
 * otherwise.
 */
export interface SchedulerState {
  readonly version: typeof STATE_VERSION;
  readonly settings: SchedulerSettings;
  readonly startedAt: number;
  /** The loop's clock: how far the time has come as far as the history tells, see `loop-clock.ts`. */
  readonly reachedAt: number;
  /** The site's own place between two ticks, a share of the interval from 0 to 1. */
  readonly phase: number;
  /** The planned start of the next full cycle. */
  readonly nextTickAt: number;
  readonly cycles: number;
  readonly skippedTicks: number;
  /** Cycles in a row in which an operation failed. */
  readonly consecutiveFailures: number;
  readonly breaker: Breaker;
  /** Cycles leave the upload out until then; null: they do not. */
  readonly uploadWait: UploadWait | null;
  /**
   * The cycle under way. `isHeld`: cycles were held before it (a pause, an open breaker), so no tick before its start was
   * missed. `cutShort`: a stop or a pause has asked its upload to end early.
   */
  readonly running: {
    readonly kind: CycleKind;
    readonly startedAt: number;
    readonly isHeld?: true;
    readonly full?: true;
    readonly cutShort?: true;
  } | null;
  readonly paused: boolean;
  /** Who paused it, why, and when by the loop's clock; null: it is not paused. Absent: not known. */
  readonly pausedBy?: { readonly by: string | null; readonly reason: string | null; readonly at: number } | null;
  /** Where the site goes on, once its cycle has ended; absent: where it is. */
  readonly moveTo?: Required<MoveOrder>;
  readonly stopRequested: boolean;
  readonly syncNowRequested: boolean;
  /**
   * A full cycle is wanted at once: a pause has ended, the databases answer again, or the clock stood still while the backlog was
   * caught up. The ticks stay where they are.
   */
  readonly cycleRequested: boolean;
  /** True: the cycle of `syncNowRequested` tries refused rows again; absent: it does not. */
  readonly fullRequested?: boolean;
  /** True once the workflow is at its end. */
  readonly stopped: boolean;
  readonly lastCycle: { readonly endedAt: number; readonly ok: boolean; readonly error: string | null } | null;
  readonly lastSuccessAt: number | null;
  /** When the queue was last looked at, or a look failed, see `looks.ts`; absent: not yet. */
  readonly lookedAt?: number;
  /** What the memo that was written last says, see `memo.ts`; absent: none was. */
  readonly memo?: { readonly verdict: string; readonly card: string; readonly at: number };
  /** True when the site's start has set `MeterSyncOldest`, which is taken away while nothing old waits; absent: not looked at yet. */
  readonly showsOldest?: boolean;
  readonly observed: Observed;
  readonly upload: Outcome<UploadReadingsResult> | null;
  readonly meters: Outcome<DownloadResult> | null;
  readonly tenants: Outcome<DownloadResult> | null;
}

/** What is known before anything was looked at. */
export const NOTHING_OBSERVED: Observed = {
  queueSize: null,
  queueSizeIsEstimate: null,
  oldestUnsynced: null,
  quarantined: null,
  totalRecordsSynced: null,
  localMeterCount: null,
  remoteMeterCount: null,
  localTenantCount: null,
  remoteTenantCount: null,
  localDbConnected: null,
  remoteDbConnected: null,
  lostAtRemote: null,
  chainHead: null,
  clockDifferenceMs: null,
  signingKey: null,
  observedAt: null,
};

/** What a run before may have carried over: whole, unless a worker of another version has written it. */
type CarriedState = Partial<SchedulerState> & Pick<SchedulerState, 'version'>;

/** Of the input of a run, what its state is made of. */
interface StateInput extends Partial<SchedulerSettings> {
  readonly siteId: string;
  readonly state?: CarriedState | null;
}

/**
 * The state a run begins with: what the run before carried over, or a new one whose first cycle is due at once. `now` is the
 * start of the run. A worker of another version may have written what is carried over: a field that it did not know is what it
 * is in a new state, and one that this code does not know is carried on.
 */
export function openState(input: StateInput, now: number): SchedulerState {
  const { state } = input;
  const fresh = newState(input, now);
  if (state === undefined || state === null) return fresh;
  return {
    ...fresh,
    ...state,
    settings: { ...fresh.settings, ...state.settings },
    breaker: { ...fresh.breaker, ...state.breaker },
    observed: { ...fresh.observed, ...state.observed },
    reachedAt: laterOf(state.reachedAt ?? now, now),
  };
}

function newState(input: StateInput, now: number): SchedulerState {
  return {
    version: STATE_VERSION,
    settings: applySettings(DEFAULT_SETTINGS, input),
    startedAt: now,
    reachedAt: now,
    phase: phaseOf(input.siteId),
    nextTickAt: now,
    cycles: 0,
    skippedTicks: 0,
    consecutiveFailures: 0,
    breaker: CLOSED_BREAKER,
    uploadWait: null,
    running: null,
    paused: false,
    stopRequested: false,
    syncNowRequested: false,
    cycleRequested: false,
    stopped: false,
    lastCycle: null,
    lastSuccessAt: null,
    observed: NOTHING_OBSERVED,
    upload: null,
    meters: null,
    tenants: null,
  };
}
