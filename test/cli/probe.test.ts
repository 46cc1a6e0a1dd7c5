import { describe, expect, test } from 'vitest';
import { judgeProbe, type ProbeAnswer } from '../../src/cli/probe/judge-probe.js';
import { DEFAULT_THRESHOLDS, type ProbeOptions } from '../../src/cli/probe/options.js';
import { renderProbe, toExitCode } from '../../src/cli/probe/render-probe.js';
import { NOTHING_SEEN, type Observation } from '../../src/model/observation.js';
import type { SchedulerState } from '../../src/model/state.js';
import { type Status, toStatus } from '../../src/model/status.js';
import { judge, judgeSilence } from '../../src/model/verdict.js';
import { aDownload, aFailure, anUpload, aState, failed, START, succeeded } from '../model/builders.js';

const MINUTE = 60_000;
const OBSERVED = {
  ...{ ...aState().observed, queueSize: 0, quarantined: 0, totalRecordsSynced: 7 },
  observedAt: iso(0),
};
const LOST = { readings: 250, batches: 3, firstTime: null, lastTime: null, since: iso(0), days: [] };

function aStatus(changes: Partial<SchedulerState> = {}): Status {
  const healthy = { upload: succeeded(anUpload()), meters: succeeded(aDownload()), tenants: succeeded(aDownload()) };
  const lastCycle = { endedAt: START, ok: true, error: null };
  return toStatus('north', aState({ ...healthy, lastCycle, lastSuccessAt: START, observed: OBSERVED, ...changes }));
}

interface Probed {
  readonly after?: number;
  readonly seen?: Observation;
  readonly thresholds?: Partial<ProbeOptions>;
}

/** The probe of a site some time after its last cycle; the next one is not due before that. */
function probe(
  changes: Partial<SchedulerState>,
  { after = MINUTE, seen = NOTHING_SEEN, thresholds }: Probed = {},
): ProbeAnswer {
  const now = START + after;
  const status = aStatus({ nextTickAt: now + MINUTE, ...changes });
  return judgeProbe({ status, verdict: judge(status, now, seen) }, { ...DEFAULT_THRESHOLDS, ...thresholds }, now);
}

describe('each state has its exit code', () => {
  const waiting = (ageMs: number): Partial<SchedulerState> => ({
    observed: { ...OBSERVED, queueSize: 5, oldestUnsynced: iso(MINUTE - ageMs) },
  });
  const paused: Partial<SchedulerState> = { paused: true, pausedBy: { by: 'anna', reason: null, at: START } };
  const stuck: Partial<SchedulerState> = {
    upload: { ...failed<never>(aFailure('unreachable', { message: 'no connection' })), failedSince: iso(0) },
  };
  const quarantined: Partial<SchedulerState> = { observed: { ...OBSERVED, quarantined: 3 } };
  const lost: Partial<SchedulerState> = {
    upload: succeeded(anUpload({ lostAtRemote: LOST })),
    observed: { ...OBSERVED, lostAtRemote: LOST },
  };
  const backlog: Partial<SchedulerState> = {
    upload: succeeded(anUpload({ more: true, removed: 10, queueSize: 5 })),
    ...waiting(2 * 60 * MINUTE),
  };
  test.each<[string, 0 | 1 | 2, RegExp, Partial<SchedulerState>, Probed]>([
    ['a healthy site', 0, /^readings leave/, {}, {}],
    ['readings that wait for less than the lag', 0, /^readings leave/, waiting(14 * MINUTE), {}],
    [
      'a reading that waits for too long',
      2,
      /^the oldest waiting reading is 16 min old, more than 15 min/,
      waiting(16 * MINUTE),
      {},
    ],
    ['a lag that was allowed', 0, /^readings leave/, waiting(50 * MINUTE), { thresholds: { maxLag: 60 * MINUTE } }],
    ['a backlog that is uploaded', 1, /^the oldest waiting reading is 2 h old/, backlog, {}],
    ['an upload that fails for a minute', 1, /^upload: no connection/, stuck, {}],
    [
      'an upload that fails for long',
      2,
      /^no cycle has succeeded for 16 min, more than 15 min/,
      stuck,
      { after: 16 * MINUTE },
    ],
    [
      'a success age of its own',
      2,
      /^no cycle has succeeded for 2 min/,
      stuck,
      { after: 2 * MINUTE, thresholds: { maxSuccessAge: MINUTE } },
    ],
    ['a pause', 1, /^the sync is paused by anna/, paused, {}],
    ['a pause that was forgotten', 2, /^paused for 1 h 1 min, more than 1 h/, paused, { after: 61 * MINUTE }],
    ['quarantine', 1, /^3 readings in quarantine, more than 0$/, quarantined, {}],
    ['quarantine that was allowed', 0, /^readings leave/, quarantined, { thresholds: { maxQuarantine: 3 } }],
    ['a loss', 2, /lacks 250 readings/, lost, {}],
    ['a fence', 2, /^upload: /, { upload: failed(aFailure('fenced')) }, {}],
    ['a site that was stopped', 2, /^the sync was stopped/, { stopped: true }, {}],
  ])('%s', (_, code, reason, changes, probed) => {
    const answer = probe(changes, probed);
    expect(answer.reasons[0]).toMatch(reason);
    expect(toExitCode(answer)).toBe(code);
  });
});

test('a site whose worker is away is critical, with no figures made up', () => {
  const absentWorker = { message: 'No worker answers', next: 'meter-sync worker', lastSeenAt: null };
  const verdict = judgeSilence('north', { ...NOTHING_SEEN, absentWorker });
  const answer = judgeProbe({ status: null, verdict }, DEFAULT_THRESHOLDS, START);
  expect(toExitCode(answer)).toBe(2);
  expect(renderProbe('north', answer, null)).toMatch(/^METER_SYNC CRITICAL - north: No worker answers[^|\n]*$/);
});

test('the line holds performance data behind its only bar, and what is unknown is U', () => {
  const now = START + 12_000;
  const thresholds = DEFAULT_THRESHOLDS;
  const line = (status: Status, reasons: string[]): string =>
    renderProbe('north', { state: 'OK', reasons }, { status, thresholds, now });
  expect(line(aStatus(), ['a | b\nc'])).toBe(
    'METER_SYNC OK - north: a / b c | queue=0;;;0 lag=0s;;900;0 success_age=12s;;900;0 quarantine=0;0;;0 uploaded=7c;;;0',
  );
  expect(line(aStatus({ observed: { ...OBSERVED, queueSize: null, quarantined: null } }), ['x'])).toContain(
    '| queue=U;;;0 lag=U;;900;0 success_age=12s;;900;0 quarantine=U;0;;0',
  );
});

function iso(offsetMs: number): string {
  return new Date(START + offsetMs).toISOString();
}
