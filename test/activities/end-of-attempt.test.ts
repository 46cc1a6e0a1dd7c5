import { setTimeout as pause } from 'node:timers/promises';
import { CancelledFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, expect, it, vi } from 'vitest';
import type { Attempt } from '../../activities/attempt.js';
import { asCurrentAttempt } from '../../activities/current-attempt.js';
import { LAST_BATCH_MS } from '../../activities/end-of-attempt.js';

afterEach(() => void vi.useRealTimers());

const never = new AbortController().signal;

/** How an engine sees its attempt once Temporal has told of a cancellation. */
async function whenTold(reason: 'CANCELLED' | 'NOT_FOUND' | 'TIMED_OUT' | 'WORKER_SHUTDOWN'): Promise<string> {
  const environment = new MockActivityEnvironment();
  const seen = environment.run(() =>
    asCurrentAttempt({ drain: never }, async ({ signal, earlyEnd }) => {
      environment.cancel(reason);
      await pause(1);
      return signal.aborted ? 'cut' : earlyEnd.aborted ? 'ended early' : 'not told';
    }),
  );
  return seen as Promise<string>;
}

it('a workflow that goes on asks for the end of the batch; whatever else ends an attempt cuts it', async () => {
  expect(await whenTold('CANCELLED')).toBe('ended early');
  for (const reason of ['NOT_FOUND', 'TIMED_OUT', 'WORKER_SHUTDOWN'] as const)
    expect(await whenTold(reason)).toBe('cut');
});

it('the end of the worker is an early end, also when it was told before the attempt began', async () => {
  const ask = ({ earlyEnd, signal }: Attempt): Promise<unknown> => Promise.resolve([earlyEnd.aborted, signal.aborted]);
  const seen = new MockActivityEnvironment().run(() => asCurrentAttempt({ drain: AbortSignal.abort() }, ask));
  expect(await seen).toEqual([true, false]);
});

it('a failure of the last batch is told as it is, one of an attempt that was given up is a cancellation', async () => {
  const failWhen = (reason: 'CANCELLED' | 'NOT_FOUND'): Promise<unknown> => {
    const environment = new MockActivityEnvironment();
    const fail = (): Promise<never> => (environment.cancel(reason), Promise.reject(new Error('it broke')));
    return environment.run(() => asCurrentAttempt({ drain: never }, fail)).catch((error: unknown) => error);
  };
  expect(await failWhen('CANCELLED')).toMatchObject({ message: 'it broke' });
  expect(await failWhen('NOT_FOUND')).toBeInstanceOf(CancelledFailure);
});

it('a last batch that does not end is cut after its time', async () => {
  vi.useFakeTimers();
  const environment = new MockActivityEnvironment();
  const hang = ({ signal }: Attempt): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cut'))));
  let ended: unknown = null;
  const work = environment
    .run(() => asCurrentAttempt({ drain: never }, hang))
    .catch((error: unknown) => (ended = error));
  environment.cancel('CANCELLED');
  await vi.advanceTimersByTimeAsync(LAST_BATCH_MS - 1);
  expect(ended).toBeNull();
  await vi.advanceTimersByTimeAsync(1);
  await work;
  expect(ended).toBeInstanceOf(CancelledFailure);
});
