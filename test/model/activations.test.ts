import { expect, test } from 'vitest';
import { type Activation, type HandedOver, NOTHING_HANDED_OVER, takeActivation } from '../../src/model/activations.js';

const live = (at: string, historyLength: number): Activation => ({
  ...{ kind: 'events', isReplaying: false, begins: false },
  ...{ at, historyLength },
});
const replayed = (at: string, historyLength: number): Activation => ({ ...live(at, historyLength), isReplaying: true });
const begun = (at: string, historyLength: number): Activation => ({ ...live(at, historyLength), begins: true });
const loneQuery = (at: string, historyLength: number): Activation => ({
  ...replayed(at, historyLength),
  kind: 'loneQuery',
});

/** The first step that is refused; null: none is. */
function findRefused(steps: readonly Activation[]): number | null {
  let handedOver: HandedOver = NOTHING_HANDED_OVER;
  for (const [index, step] of steps.entries()) {
    const taken = takeActivation(handedOver, step);
    if (taken === null) return index;
    handedOver = taken;
  }
  return null;
}

// Each was seen with SDK 1.24 and a real server; instants and lengths are those of the SDK.

test('a worker that begins a run, works and is asked, refuses nothing', () => {
  expect(findRefused([begun('3', 3), loneQuery('3', 3), live('9', 9), live('9', 9), loneQuery('9', 22)])).toBeNull();
});

test('a worker that takes a run over replays it and goes on', () => {
  expect(findRefused([replayed('3', 3), replayed('9', 9), live('15', 15), live('19', 19), loneQuery('19', 19)])).toBe(
    null,
  );
});

test('a run that is read for a query alone answers it', () => {
  expect(findRefused([replayed('3', 3), replayed('9', 9), loneQuery('9', 14), loneQuery('9', 14)])).toBeNull();
});

test('events that come with a query before their task has begun are refused: they have the instant of the task before', () => {
  expect(findRefused([replayed('3', 3), live('3', 8)])).toBe(1);
  expect(findRefused([begun('3', 3), live('3', 8)])).toBe(1);
});

test('events that come with a query while their task is under way are refused with that query', () => {
  expect(findRefused([replayed('3', 3), live('9', 9), live('9', 9), loneQuery('9', 9)])).toBe(3);
});

test('queries that come with a task are a part of it', () => {
  const ownQuery = { ...loneQuery('9', 9), kind: 'ownQuery' } as const;
  expect(findRefused([replayed('3', 3), live('9', 9), ownQuery, live('12', 12), loneQuery('12', 12)])).toBeNull();
});

test('the steps of one task have one instant', () => {
  expect(findRefused([replayed('3', 3), live('9', 9), live('9', 9), live('12', 12)])).toBeNull();
});
