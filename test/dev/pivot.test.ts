import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { DemEntry } from '../../src/dev/sample/dem-report.js';
import { createLocalClock } from '../../src/dev/sample/local-time.js';
import { pivotReport } from '../../src/dev/sample/pivot.js';
import { toCopyLine, toReadingId } from '../../src/dev/sample/reading.js';

const FALL_BACK = { year: 2014, month: 10, day: 2 }; // 2 November 2014
const local = (hour: number, minute = 0): number =>
  Date.UTC(FALL_BACK.year, FALL_BACK.month, FALL_BACK.day, hour, minute);

async function* entries(point: string, ...values: readonly (readonly [number, string])[]): AsyncGenerator<DemEntry> {
  yield { kind: 'point', point };
  for (const [localMs, value] of values) yield { kind: 'value', point, localMs, value };
}

test('the hour that autumn repeats is told apart by the order of its values', async () => {
  const { readings, counts } = await pivotReport(
    entries(
      'A:DEMAND',
      [local(0, 45), '1'],
      [local(1), '2'],
      [local(1, 30), '3'],
      [local(1), '4'],
      [local(1, 30), '5'],
      [local(2), '6'],
    ),
  );

  expect(readings.map(({ createdAt, values }) => [createdAt.slice(11, 16), values.demand])).toEqual([
    ['04:45', '1'],
    ['05:00', '2'],
    ['05:30', '3'],
    ['06:00', '4'],
    ['06:30', '5'],
    ['07:00', '6'],
  ]);
  expect(counts).toMatchObject({ firstPass: 2, secondPass: 2, stored: 6 });
});

test('a logger that restarts before the repeated hour does not begin its second pass', async () => {
  const { readings, counts } = await pivotReport(
    entries('A:DEMAND', [local(0, 15), '1'], [local(0), '2'], [local(0, 15), '7'], [local(1), '3']),
  );

  expect(readings.map(({ createdAt, values }) => [createdAt.slice(11, 16), values.demand])).toEqual([
    ['04:00', '2'],
    ['04:15', '7'],
    ['05:00', '3'],
  ]);
  expect(counts).toMatchObject({ stored: 3, superseded: 1, firstPass: 1, secondPass: 0 });
});

test('an hour that spring skips is read as if the clock had not been changed', () => {
  const clock = createLocalClock('America/New_York');

  expect(clock(Date.UTC(2014, 2, 9, 2, 30))).toEqual({ kind: 'skipped', instants: [Date.UTC(2014, 2, 9, 7, 30)] });
  expect(clock(Date.UTC(2014, 2, 9, 1, 59))).toEqual({ kind: 'unique', instants: [Date.UTC(2014, 2, 9, 6, 59)] });
  expect(clock(Date.UTC(2014, 2, 9, 3, 0))).toEqual({ kind: 'unique', instants: [Date.UTC(2014, 2, 9, 7, 0)] });
});

test('every instant is among the instants of its own local time', () => {
  const clock = createLocalClock('America/New_York');
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: 'America/New_York',
    dateStyle: 'short',
    timeStyle: 'medium',
  });

  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(2008, 0) / 1000, max: Date.UTC(2030, 0) / 1000 }), (seconds) => {
      const wallClock = Date.parse(`${format.format(seconds * 1000).replace(' ', 'T')}Z`);
      expect(clock(wallClock).instants).toContain(seconds * 1000);
    }),
  );
});

test('every value of a report is accounted for once', async () => {
  const points = fc.constantFrom('A:DEMAND', 'A:DAY.NGT', 'b:CURRENT A', 'b:HUMIDITY', 'nameless');
  const value = fc.tuple(points, fc.integer({ min: 0, max: 40 }), fc.constantFrom('1', '2.50', 'DAY', '', '1e5'));

  await fc.assert(
    fc.asyncProperty(fc.array(value, { maxLength: 60 }), async (values) => {
      const { counts, readings } = await pivotReport(
        (async function* (): AsyncGenerator<DemEntry> {
          for (const [point, quarter, text] of values)
            yield { kind: 'value', point, localMs: local(0, quarter * 15), value: text };
        })(),
      );
      const { stored, repeated, superseded, notNumeric, unknownChannel } = counts;
      expect(stored + repeated + superseded + notNumeric + unknownChannel).toBe(values.length);
      expect(readings.flatMap((reading) => Object.values(reading.values))).toHaveLength(stored);
    }),
  );
});

test('a reading has one id, a UUID of version 7 that begins with its time', () => {
  const id = toReadingId('NZA12', Date.UTC(2013, 9, 1));

  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(Date.UTC(2013, 9, 1));
  expect(toReadingId('NZA12', Date.UTC(2013, 9, 1))).toBe(id);
  expect(toReadingId('nza12', Date.UTC(2013, 9, 1))).not.toBe(id);
});

test('text that COPY would misread is escaped', () => {
  const line = toCopyLine({ id: 'i', meterId: '1', createdAt: 't', values: { day_night: 'a\tb\\c\nd' } });

  expect(line.endsWith('\\N\ta\\tb\\\\c\\nd\n')).toBe(true);
});
