import type { FailureKind, FailureReport } from '../../src/model/failures.js';
import type { HeldDownload } from '../../src/model/guard.js';
import type { DownloadResult, UploadReadingsResult } from '../../src/model/operations.js';
import { openState, type Outcome, type SchedulerState } from '../../src/model/state.js';

export const START = Date.parse('2026-01-01T00:00:00.000Z');

export function aState(changes: Partial<SchedulerState> = {}): SchedulerState {
  return { ...openState({ siteId: 'a' }, START), phase: 0, ...changes }; // ticks on whole intervals, START among them
}

export function anUpload(changes: Partial<UploadReadingsResult> = {}): UploadReadingsResult {
  return {
    selected: 0,
    inserted: 0,
    alreadyThere: 0,
    quarantined: 0,
    removed: 0,
    batches: 0,
    more: false,
    queueSize: 0,
    queueSizeIsEstimate: false,
    oldestUnsynced: null,
    totalUploaded: 0,
    inQuarantine: 0,
    lostAtRemote: null,
    observedAt: new Date(START).toISOString(),
    ...changes,
  };
}

export function aDownload(changes: Partial<DownloadResult> = {}): DownloadResult {
  return {
    localCount: 3,
    remoteCount: 3,
    inserted: 0,
    updated: 0,
    deactivated: 0,
    kept: 0,
    waiting: 0,
    refused: 0,
    newRows: [],
    changedRows: [],
    observedAt: new Date(START).toISOString(),
    ...changes,
  };
}

export function aHeldDownload(changes: Partial<HeldDownload> = {}): HeldDownload {
  return {
    table: 'meter',
    change: '0123456789ab',
    since: new Date(START).toISOString(),
    decided: null,
    remoteRows: 0,
    localRows: 20,
    inserted: 0,
    updated: 0,
    gone: 20,
    goneRule: 'deactivate',
    reasons: [{ rule: 'empty', rows: 20 }],
    ...changes,
  };
}

export function aFailure(kind: FailureKind, changes: Partial<FailureReport> = {}): FailureReport {
  return {
    kind,
    message: `it was ${kind}`,
    sqlstate: null,
    side: null,
    table: null,
    column: null,
    constraint: null,
    next: 'look',
    ...changes,
  };
}

export function succeeded<Result>(result: Result, startedAt = START): Outcome<Result> {
  return { ok: true, startedAt: new Date(startedAt).toISOString(), durationMs: 5, result, error: null };
}

export function failed<Result>(error: FailureReport, startedAt = START): Outcome<Result> {
  return { ok: false, startedAt: new Date(startedAt).toISOString(), durationMs: 5, result: null, error };
}
