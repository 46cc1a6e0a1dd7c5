import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findConfigureProblems, findInputProblems } from '../../src/model/scheduler.js';
import { configure, decideStep } from '../../src/model/steps.js';
import { tickAfter } from '../../src/model/ticks.js';
import { aState, START } from './builders.js';

describe('the input of the workflow', () => {
  test('a site alone is enough, and null is the same as not given', () => {
    expect(findInputProblems({ siteId: 'plant-7' })).toEqual([]);
    expect(
      findInputProblems({ siteId: 'a', intervalMs: null, batchRows: null, activityTaskQueue: null, state: null }),
    ).toEqual([]);
  });

  test('all problems are told at once, each with what was found and what is wanted', () => {
    const problems = findInputProblems({
      siteId: 'a b',
      intervalMs: 5,
      batchRows: '1',
      intervalSeconds: 60,
      state: {},
    });
    expect(problems).toHaveLength(5);
    expect(problems.join('\n')).toMatch(/siteId is "a b"; expected/);
    expect(problems.join('\n')).toMatch(/intervalMs is 5; expected a whole number of milliseconds from 100/);
    expect(problems.join('\n')).toMatch(/batchRows is "1"/);
    expect(problems.join('\n')).toMatch(/intervalSeconds is not known here/);
    expect(problems.join('\n')).toMatch(/state is not of version/);
  });

  test('nonsense of any kind is a problem and never an exception', () => {
    const isRefused = (find: (input: unknown) => string[]) => (input: unknown) => find(input).length > 0;
    fc.assert(fc.property(fc.anything(), isRefused(findInputProblems)));
    fc.assert(fc.property(fc.anything(), isRefused(findConfigureProblems)));
  });
});

describe('configure', () => {
  test('an empty or unknown change is refused', () => {
    expect(findConfigureProblems({})).toHaveLength(1);
    expect(findConfigureProblems({ siteId: 'b' })[0]).toMatch(/siteId is not known here/);
    expect(findConfigureProblems({ intervalMs: 10_000 })).toEqual([]);
  });

  test('a new interval counts from the last planned tick and is never in the past', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 1e6 }),
        fc.integer({ min: 100, max: 1e6 }),
        fc.nat(1e6),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (before, after, later, phase) => {
          const state = aState({ settings: { intervalMs: before, batchRows: 1 }, nextTickAt: START + before, phase });
          const now = START + Math.min(later, before - 1);
          const { nextTickAt, settings } = configure(state, { intervalMs: after }, now);
          expect(settings).toEqual({ intervalMs: after, batchRows: 1 });
          expect(nextTickAt).toBe(Math.max(tickAfter(START, { intervalMs: after, phase }), now));
        },
      ),
    );
  });

  test.each([10_000, 3_600_000])(
    'the first cycle stays due when the interval becomes %i ms before it',
    (intervalMs) => {
      expect(decideStep(configure(aState(), { intervalMs }, START), START)).toEqual({ do: 'cycle', kind: 'full' });
    },
  );
});
