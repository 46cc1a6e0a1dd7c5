import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { type DemEntry, readDemReport, readLines } from '../../src/dev/sample/dem-report.js';
import { pivotReport } from '../../src/dev/sample/pivot.js';
import { SHIPPED_REPORT } from '../../src/dev/sample/read-report.js';

const HEADER = (point: string): string[] => [
  `Point Name:,${point},,`,
  'Trend Every:,15 minutes,,',
  'Date Range:,11/2/2014 00:00:00 - 11/2/2014 23:59:59,,',
  'Report Timings:,All Hours,,',
];
const END = ' ******************************** End of Report *********************************,,,';

async function* from(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

async function entriesOf(lines: readonly string[]): Promise<DemEntry[]> {
  const entries: DemEntry[] = [];
  for await (const entry of readDemReport(from(lines))) entries.push(entry);
  return entries;
}

test('a line reads the same with and without quotes', async () => {
  const bare = await entriesOf(['Point Name:,NZA12:DEMAND,,', '10/1/2013,0:15:00,10.37, -N-       NONE']);
  const quoted = await entriesOf(['"Point Name:","NZA12:DEMAND"', '"10/1/2013","00:15:00","10.37"," -N-       NONE"']);

  expect(quoted).toEqual(bare);
  expect(bare[1]).toEqual({
    kind: 'value',
    point: 'NZA12:DEMAND',
    localMs: Date.UTC(2013, 9, 1, 0, 15),
    value: '10.37',
  });
});

test('lost values, empty ranges and the end of the report are told', async () => {
  const entries = await entriesOf([
    ...HEADER('A:DEMAND'),
    '"Data Loss"',
    '"No data in range specified."',
    '""',
    ',,,',
    END,
  ]);

  expect(entries.map(({ kind }) => kind)).toEqual(['point', 'dataLoss', 'noData', 'end']);
});

test.each([
  ['a day that no calendar has', '2/30/2014,00:00:00,1,'],
  ['an hour that no clock has', '2/3/2014,25:00:00,1,'],
  ['a line without a value', '2/3/2014,00:00:00'],
  ['words', 'the quick brown fox'],
])('%s is unreadable, with its line number', async (_title, line) => {
  expect(await entriesOf([...HEADER('A:DEMAND'), line])).toContainEqual({ kind: 'unreadable', line: 5 });
});

test('the shipped report makes 2,322 readings of 25 meters from its 19,727 values', async () => {
  const { readings, meters, counts } = await pivotReport(readDemReport(readLines(SHIPPED_REPORT)));

  expect(readings).toHaveLength(2_322);
  expect(new Set(readings.map(({ id }) => id)).size).toBe(2_322);
  expect(meters).toHaveLength(25);
  expect(meters.every(({ tenantId }) => tenantId !== null)).toBe(true);
  expect(counts).toMatchObject({ values: 19_727, stored: 19_727, storedText: 185, points: 213, isComplete: true });
  expect(readings[0]).toMatchObject({ createdAt: '2013-10-01T04:00:00.000Z', meterId: '1001' });
});

const ARCHIVE = fileURLToPath(new URL('../../../shared/data/forrestal-dem.tar.gz', import.meta.url));

/** The five other reports are not shipped: one day with the clock change, three with one hour, one with nothing. */
const OTHERS = [
  ['DEM_Report_10-02-13.csv', { readings: 2_322, values: 19_727, stored: 19_727, storedText: 185, dataLosses: 0 }],
  [
    'data-loss_DEM_Report_11-03-14.csv',
    {
      readings: 2_553,
      values: 21_821,
      stored: 21_465,
      repeated: 356,
      firstPass: 852,
      secondPass: 852,
      dataLosses: 165,
    },
  ],
  ['1hour_only-DEM_Report_01-06-14.csv', { readings: 100, values: 852, stored: 852, storedText: 8 }],
  ['1hour_only-DEM_Report_01-07-14.csv', { readings: 100, values: 852, stored: 852, storedText: 8 }],
  ['zero-minutes.csv', { readings: 110, values: 852, stored: 852, storedText: 8 }],
  ['no-data-in-range_DEM_Report_07-28-14.csv', { readings: 0, values: 0, stored: 0, emptyPoints: 213 }],
] as const;

test.for(OTHERS)('%s of the archive is read whole', async ([name, expected], context) => {
  context.skip(!existsSync(ARCHIVE), 'the archive ../shared/data/forrestal-dem.tar.gz is not here');
  const { readings, meters, counts } = await pivotReport(readDemReport(splitLines(await unpack(name))));

  expect({ ...counts, readings: readings.length }).toMatchObject(expected);
  expect(counts).toMatchObject({ points: 213, superseded: 0, notNumeric: 0, unknownChannel: 0, unreadableLines: 0 });
  expect(counts.isComplete).toBe(true);
  expect(meters).toHaveLength(25);
});

async function unpack(name: string): Promise<string> {
  const { execFileSync } = await import('node:child_process');
  return execFileSync('tar', ['-xzOf', ARCHIVE, `forrestal-dem/${name}`], { encoding: 'latin1', maxBuffer: 1e8 });
}

async function* splitLines(text: string): AsyncGenerator<string> {
  yield* text.split('\r\n');
}
