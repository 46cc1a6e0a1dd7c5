import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { AttemptEvent } from '../../activities/heard.js';
import type { FailureReport } from '../../src/model/failures.js';
import { openState, type Outcome } from '../../src/model/state.js';
import { type StatusFacts, toFacts } from '../../src/model/status-facts.js';
import { createLogger } from '../../src/worker/logger.js';
import { createFailureLog, type FailureLog } from '../../src/worker/watch/failure-log.js';

const MINUTE_MS = 60_000;
const place = { side: 'remote', table: null, column: null, constraint: null } as const;
const report: FailureReport = { kind: 'unreachable', message: 'no link', sqlstate: null, next: 'wait', ...place };
const upload = { siteId: 'north', activity: 'uploadReadings', attempt: 1 } as const;
const failed: AttemptEvent = { ...upload, what: 'failed', report, isTriedAgain: true };
const ended: AttemptEvent = { ...upload, what: 'ended', result: {}, durationMs: 1 };

/** What is logged while `happen` goes on, with a clock that it sets: level, message, tries. */
async function logged(happen: (log: FailureLog, clock: { minutes: number }) => void): Promise<unknown[]> {
  const stream = new PassThrough();
  const logger = createLogger({ level: 'info', format: 'json', stream });
  const clock = { minutes: 0 };
  happen(
    createFailureLog(logger, () => clock.minutes * MINUTE_MS),
    clock,
  );
  await logger.close();
  stream.end();
  const lines = (await text(stream)).split('\n').slice(0, -1);
  return lines.map((line) => {
    const { level, message, tries } = JSON.parse(line) as Record<string, unknown>;
    return tries === undefined ? [level, message] : [level, message, tries];
  });
}

test('a failure that stays is told when it begins, once an hour with the number of tries, and when it ends', async () => {
  const lines = await logged((log, clock) => {
    for (; clock.minutes < 121; clock.minutes += 1) log.hearAttempt(failed);
    log.hearAttempt(ended);
    log.hearAttempt(ended);
  });
  expect(lines).toEqual([
    ['warn', 'upload fails'],
    ['warn', 'upload still fails', 61],
    ['warn', 'upload still fails', 121],
    ['info', 'upload works again', 121],
  ]);
});

test('a failure of another kind is told at once, and a look that finds the database away is one more try', async () => {
  const away = { localDbConnected: true, remoteDbConnected: false };
  const lines = await logged((log, clock) => {
    log.hearAttempt({ ...failed, report: { ...report, kind: 'busy' } });
    log.hearAttempt(failed);
    clock.minutes = 61;
    log.hearAttempt({ siteId: 'north', activity: 'probe', attempt: 1, what: 'ended', result: away, durationMs: 1 });
  });
  expect(lines).toEqual([
    ['warn', 'upload fails'],
    ['warn', 'upload fails'],
    ['warn', 'upload still fails', 2],
  ]);
});

test('what attempts have told is not told again by the workflow, and what no attempt here has told, is', async () => {
  const facts = (startedAt: string, error: FailureReport | null): StatusFacts => {
    const outcome: Outcome<never> = { ok: error === null, startedAt, durationMs: 1, result: null, error };
    return { ...toFacts('north', openState({ siteId: 'north' }, 0)), upload: outcome };
  };
  const lines = await logged((log) => {
    log.hearAttempt(failed);
    log.hearStatus(facts('2026-01-01T00:00:00.000Z', report));
    log.hearStatus(facts('2026-01-01T00:01:00.000Z', null));
    log.hearStatus(facts('2026-01-01T00:02:00.000Z', report));
    log.hearStatus(facts('2026-01-01T00:02:00.000Z', report));
  });
  expect(lines).toEqual([
    ['warn', 'upload fails'],
    ['info', 'upload works again', 1],
    ['warn', 'upload fails'],
  ]);
});

test('a further table that cannot be downloaded is a failure of that download, told once', async () => {
  const downloaded = { siteId: 'north', activity: 'downloadMeters', attempt: 1, what: 'ended', durationMs: 1 } as const;
  const lines = await logged((log) => {
    for (let cycle = 0; cycle < 3; cycle += 1)
      log.hearAttempt({ ...downloaded, result: { furtherFailures: [{ ...report, kind: 'schema' }] } });
    log.hearAttempt({ ...downloaded, result: {} });
  });
  expect(lines).toEqual([
    ['warn', 'meter download fails'],
    ['info', 'meter download works again', 3],
  ]);
});
