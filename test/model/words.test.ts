import { expect, test } from 'vitest';
import { toCount, toDuration, toInstant } from '../../src/model/words.js';

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

test('an instant is told with its distance, and null as unknown', () => {
  const now = Date.parse('2026-01-01T00:01:00Z');
  expect(toInstant('2026-01-01T00:00:00.000Z', now)).toBe('2026-01-01 00:00:00Z (1 min ago)');
  expect(toInstant('2026-01-01T00:02:00.000Z', now)).toBe('2026-01-01 00:02:00Z (in 1 min)');
  expect([toInstant(null, now), toCount(null), toCount(1234567)]).toEqual(['unknown', 'unknown', '1,234,567']);
});
