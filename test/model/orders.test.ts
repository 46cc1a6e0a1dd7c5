import { expect, test } from 'vitest';
import { readMove, readPause } from '../../src/model/orders.js';
import { requestMove } from '../../src/model/steps.js';
import { aState, START } from './builders.js';

const HERE = { taskQueue: 'here', activityTaskQueue: null };

test('a pause tells who and why, as far as it is told in texts', () => {
  expect(readPause({ by: ' anna ', reason: 'x'.repeat(900) })).toEqual({ by: 'anna', reason: 'x'.repeat(200) });
  for (const order of [undefined, null, 'anna', 5, [], { by: 5, reason: {} }, { by: ' ' }]) {
    expect(readPause(order)).toEqual({ by: null, reason: null });
  }
});

test.each([undefined, null, 'there', 5, [], {}, { taskQueue: '' }, { taskQueue: 5 }, { taskQueue: 'x'.repeat(1_001) }])(
  'an order to move that is none changes nothing: %j',
  (order) => {
    expect(readMove(order)).toBeNull();
    const state = aState();
    expect(requestMove(state, HERE, order)).toBe(state);
  },
);

test('half an order to move is none', () => {
  expect(readMove({ taskQueue: 'there', activityTaskQueue: 5 })).toBeNull();
  expect(readMove({ taskQueue: 'there', activityTaskQueue: '' })).toBeNull();
});

test('a site moves once, to the last place that was named, and not to where it is', () => {
  const moving = requestMove(aState(), HERE, { taskQueue: 'there', activityTaskQueue: 'there' });
  expect(moving.moveTo).toEqual({ taskQueue: 'there', activityTaskQueue: null });
  expect(requestMove(moving, HERE, { taskQueue: 'here', activityTaskQueue: 'apart' }).moveTo).toEqual({
    taskQueue: 'here',
    activityTaskQueue: 'apart',
  });
  expect(requestMove(moving, HERE, { taskQueue: 'here' })).not.toHaveProperty('moveTo');
  const state = aState();
  expect(requestMove(state, HERE, { taskQueue: 'here' })).toBe(state);
});

test('a cycle that a move has cut short is followed by another one; a site that waits goes on waiting', () => {
  const running = { kind: 'full', startedAt: START } as const;
  expect(requestMove(aState({ running }), HERE, { taskQueue: 'there' }).cycleRequested).toBe(true);
  expect(requestMove(aState(), HERE, { taskQueue: 'there' }).cycleRequested).toBe(false);
});
