import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openState } from '../../src/model/state.js';
import { configure } from '../../src/model/steps.js';
import {
  firstTickAfter,
  jitterOf,
  keepLatestTick,
  phaseOf,
  skipMissedTicks,
  tickAfter,
} from '../../src/model/ticks.js';

const instants = fc.integer({ min: -1e12, max: 1e12 });
const intervals = fc.integer({ min: 1, max: 86_400_000 });

test('a tick stays on the grid of the first one, whatever a cycle took', () => {
  fc.assert(
    fc.property(instants, intervals, instants, (first, intervalMs, now) => {
      for (const plan of [skipMissedTicks(first, intervalMs, now), keepLatestTick(first, intervalMs, now)]) {
        expect(plan.nextTickAt).toBe(first + plan.skipped * intervalMs);
        expect(plan.skipped).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});

test('after skipping, the next tick is the first one that is not in the past', () => {
  fc.assert(
    fc.property(instants, intervals, instants, (first, intervalMs, now) => {
      const { nextTickAt, skipped } = skipMissedTicks(first, intervalMs, now);
      expect(nextTickAt).toBeGreaterThanOrEqual(now < first ? first : now);
      if (skipped > 0) expect(nextTickAt - intervalMs).toBeLessThan(now);
    }),
  );
});

test('after catching up, the latest tick that passed is still due', () => {
  fc.assert(
    fc.property(instants, intervals, instants, (first, intervalMs, now) => {
      const { nextTickAt } = keepLatestTick(first, intervalMs, now);
      expect(nextTickAt + intervalMs).toBeGreaterThan(now);
      if (now >= first) expect(nextTickAt).toBeLessThanOrEqual(now);
    }),
  );
});

test('a tick that falls on this very moment is not skipped', () => {
  expect(skipMissedTicks(100, 10, 120)).toEqual({ nextTickAt: 120, skipped: 2 });
  expect(keepLatestTick(100, 10, 120)).toEqual({ nextTickAt: 120, skipped: 2 });
});

const phases = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('the first tick comes half an interval to one and a half after the first cycle, and from then on each an interval later', () => {
  fc.assert(
    fc.property(instants, intervals, phases, (first, intervalMs, phase) => {
      const tick = tickAfter(first, { intervalMs, phase });
      expect(tick - first).toBeGreaterThanOrEqual(intervalMs / 2);
      expect(tick - first).toBeLessThanOrEqual(intervalMs * 1.5);
      expect(tickAfter(tick, { intervalMs, phase })).toBe(tick + intervalMs);
    }),
  );
});

test('a thousand sites that start at once spread their ticks over the interval', () => {
  const tenths = Array<number>(10).fill(0);
  for (let site = 0; site < 1_000; site++) {
    const tenth = Math.floor(phaseOf(`site-${site}`) * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  expect(Math.min(...tenths)).toBeGreaterThan(60);
  expect(phaseOf('north')).toBe(phaseOf('north'));
});

test('the waits of many sites are spread, and so are those of one site', () => {
  const numbers = Array.from({ length: 1_000 }, (_, index) => index);
  const sites = numbers.map((site) => jitterOf(`site-${site}`, { cycles: 7, failedProbes: 3 }));
  const probes = numbers.map((failedProbes) => jitterOf('north', { cycles: 7, failedProbes }));
  const cycles = numbers.map((count) => jitterOf('north', { cycles: count, failedProbes: 0 }));
  for (const jitters of [sites, probes, cycles]) {
    for (let tenth = 0; tenth < 10; tenth++) {
      expect(jitters.filter((jitter) => Math.floor(jitter * 10) === tenth).length).toBeGreaterThan(60);
    }
  }
});

test('a shorter interval is kept from the first tick on, wherever the first tick of the longer one lay', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }),
      fc.integer({ min: 100, max: 60_000 }),
      fc.nat(2_000_000_000),
      (siteId, intervalMs, now) => {
        const opened = openState({ siteId, intervalMs: 3_600_000 }, now);
        const waiting = {
          ...opened,
          nextTickAt: tickAfter(now, { intervalMs: 3_600_000, phase: phaseOf(siteId) }),
          cycleRequested: false,
        };
        const { nextTickAt } = configure(waiting, { intervalMs }, now);
        expect(nextTickAt).toBeGreaterThanOrEqual(now);
        const lastTickAt = waiting.nextTickAt - 3_600_000;
        const latest = lastTickAt > now ? now + intervalMs : Math.max(now, lastTickAt + 1.5 * intervalMs);
        expect(nextTickAt).toBeLessThanOrEqual(latest); // as docs/protocol.md counts a new interval
        expect(firstTickAfter(nextTickAt, { intervalMs, phase: phaseOf(siteId) }) - nextTickAt).toBeLessThanOrEqual(
          intervalMs,
        );
      },
    ),
    { examples: [['S, x+n', 48_459, 608_196_465]], numRuns: 1_000 },
  );
});
