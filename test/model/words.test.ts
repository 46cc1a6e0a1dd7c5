import { expect, test } from 'vitest';
import { toCount, toDuration } from '../../src/model/words.js';

test.each([
  [5, '5 ms'],
  [1_500, '1.5 s'],
  [42_000, '42 s'],
  [60_000, '1 min'],
  [185_000, '3 min 5 s'],
  [7_380_000, '2 h 3 min'],
  [90_000_000, '1 d 1 h'],
])('%i ms read %s', (ms, text) => {
  expect(toDuration(ms)).toBe(text);
});

test('a number has commas, and null is unknown', () => {
  expect([toCount(null), toCount(1234567)]).toEqual(['unknown', '1,234,567']);
});
