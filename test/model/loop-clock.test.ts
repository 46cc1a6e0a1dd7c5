import fc from 'fast-check';
import { expect, test } from 'vitest';
import { laterOf, toTimerMs } from '../../src/model/loop-clock.js';
import { START } from './builders.js';

const instants = fc.integer({ min: START - 1e11, max: START + 1e11 });

test('the clock never goes back, and what is no instant leaves it', () => {
  const any = fc.oneof(instants, fc.double(), fc.string(), fc.constant(undefined));
  fc.assert(
    fc.property(instants, any, (reachedAt, instant) => {
      const later = laterOf(reachedAt, instant);
      expect(later).toBeGreaterThanOrEqual(reachedAt);
      expect(new Date(later + 86_400_000).toISOString()).toMatch(/Z$/);
    }),
  );
  expect(laterOf(START, new Date(START + 1).toISOString())).toBe(START + 1);
  for (const nonsense of ['', 'soon', NaN, Infinity, 8.64e15, undefined]) expect(laterOf(START, nonsense)).toBe(START);
});

test('a timer runs until its instant when both clocks agree', () => {
  const watch = { reachedAt: START, movedAt: START, now: START + 200 };
  expect(toTimerMs(START + 1_000, watch)).toBe(800);
  expect(toTimerMs(START + 100, watch)).toBe(1);
});

test('whatever the workers clocks say, a wait is no longer than planned, and no shorter than what is left of it', () => {
  const waits = fc.integer({ min: 1, max: 86_400_000 });
  fc.assert(
    fc.property(instants, instants, waits, fc.nat(86_400_000), (reachedAt, movedAt, planned, passedMs) => {
      const timerMs = toTimerMs(reachedAt + planned, { reachedAt, movedAt, now: movedAt + passedMs });
      expect(timerMs).toBeGreaterThanOrEqual(Math.max(1, planned - passedMs));
      expect(timerMs).toBeLessThanOrEqual(planned);
    }),
  );
});

test('a loop clock that is ahead waits for the true time, one that is behind does not make up for it', () => {
  const hour = 3_600_000;
  const ahead = { reachedAt: START + hour, movedAt: START, now: START + 30_000 };
  expect(toTimerMs(START + hour + 60_000, ahead)).toBe(60_000);
  const behind = { reachedAt: START - hour, movedAt: START, now: START + 30_000 };
  expect(toTimerMs(START - hour + 60_000, behind)).toBe(30_000);
});

test('a time that goes back while a worker takes over makes no wait longer than planned', () => {
  expect(toTimerMs(START + 60_000, { reachedAt: START, movedAt: START, now: START - 3_600_000 })).toBe(60_000);
});
