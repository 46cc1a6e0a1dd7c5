import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { FAILURE_RULES, MAX_MESSAGE_LENGTH, nameSite } from '../../src/model/failures.js';
import { toFailureReport } from '../../workflows/failure-report.js';
import { aFailure } from '../model/builders.js';

function failedBy(cause: Error): ActivityFailure {
  return new ActivityFailure('Activity task failed', 'uploadReadings', '1', 'NON_RETRYABLE_FAILURE', 'worker', cause);
}

test('the report of the activity is taken as it is', () => {
  const report = aFailure('data', { side: 'remote', table: 't' });
  expect(toFailureReport(failedBy(ApplicationFailure.nonRetryable('no', 'data', report)), 'north')).toEqual(report);
});

test.each([undefined, null, 'text', {}, { message: 5 }])(
  'a kind with %j for a report is told by its message',
  (detail) => {
    const report = toFailureReport(failedBy(ApplicationFailure.nonRetryable('no', 'data', detail)), 'north');
    expect(report).toMatchObject({ kind: 'data', message: 'no', next: nameSite(FAILURE_RULES.data.next, 'north') });
  },
);

test.each([
  ['was killed', new TimeoutFailure('activity Heartbeat timeout', undefined, 'HEARTBEAT')],
  ['was shut down', ApplicationFailure.retryable('Worker is shutting down', 'WorkerShutdown')],
])('a worker that %s is not called a defect', (_, cause) => {
  const report = toFailureReport(failedBy(cause), 'north');
  expect(report.message).toMatch(/worker/);
  expect(report.next).toMatch(/look at the site's worker/);
});

test('a message of any length comes short', () => {
  const report = toFailureReport(failedBy(ApplicationFailure.nonRetryable('x'.repeat(5_000))), 'north');
  expect(report.message).toHaveLength(MAX_MESSAGE_LENGTH);
});
