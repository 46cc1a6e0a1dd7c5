import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseColumnNames, parseTableName } from '../../src/config/define/names.js';

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const name = fc.string({ minLength: 1, maxLength: 10 });

test.each([
  ['meter', { schema: null, name: 'meter' }],
  ['metering.Meter readings', { schema: 'metering', name: 'Meter readings' }],
  [' a . b ', { schema: 'a', name: 'b' }],
  ['"a.b"."say ""x"""', { schema: 'a.b', name: 'say "x"' }],
])('%s names a table', (text, table) => {
  expect(parseTableName(text)).toEqual(table);
});

test.each(['', '.', 'a.', '.a', 'a.b.c', '"a', 'a"b', '""', 'x'.repeat(64), 'a\0'])('%j names no table', (text) => {
  expect(parseTableName(text)).toBeNull();
});

test('any names in quotes come back as they were, as a table and as columns', () => {
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 4 }), (names) => {
      expect(parseColumnNames(names.map(quote).join(','))).toEqual(names);
      expect(parseTableName(quote(names[0]!))).toEqual({ schema: null, name: names[0] });
    }),
  );
});

test.each(['', 'a,,b', 'a,', 'a,a', '"a'])('%j names no columns', (text) => {
  expect(parseColumnNames(text)).toBeNull();
});
