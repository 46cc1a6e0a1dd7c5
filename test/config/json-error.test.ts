import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findJsonError } from '../../src/config/read/json-error.js';

test.each([
  ['{\n  "a": 1,\n}', { line: 3, column: 1 }],
  ['[1 2]', { line: 1, column: 4 }],
  ['{"a": hunter2}', { line: 1, column: 7 }],
  ['{"a": "b', { line: 1, column: 7 }],
  ['', { line: 1, column: 1 }],
  ['{} x', { line: 1, column: 4 }],
])('the place where %j stops being JSON', (text, place) => {
  expect(findJsonError(text)).toEqual(place);
});

test('whatever JSON.parse takes has no such place, and what it refuses has one', () => {
  const damaged = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '}', ' ', '\\', '0', 'e'))
    .map(
      ([text, at, piece]) =>
        `${text.slice(0, at % (text.length + 1))}${piece}${text.slice((at % (text.length + 1)) + 1)}`,
    );
  fc.assert(
    fc.property(fc.oneof(fc.json(), damaged), (text) => {
      expect(findJsonError(text) === null).toBe(isJson(text));
    }),
    { numRuns: 2_000 },
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
