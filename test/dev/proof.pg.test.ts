import { expect, test } from 'vitest';

import { loadMeters } from '../../src/dev/sample/load-meters.js';
import { loadReadings } from '../../src/dev/sample/load-readings.js';
import { proveReadings } from '../../src/dev/proof.js';
import { type Reading, toReadingId } from '../../src/dev/sample/reading.js';
import { SAMPLE_TENANTS, toSampleMeter } from '../../src/dev/sample/meters.js';
import { createDatabases, type TestDatabases } from '../support/postgres.js';

const METERS = [toSampleMeter('NZA12', ['DEMAND'])];
const READINGS: readonly Reading[] = Array.from({ length: 10 }, (_, index) => {
  const instant = Date.UTC(2013, 9, 1, 0, index * 15);
  const createdAt = new Date(instant).toISOString();
  return { id: toReadingId('NZA12', instant), meterId: '1001', createdAt, values: { demand: `${index}.50` } };
});

/** Seven readings have arrived at the customer, three wait at the site. */
async function halfway(databases: TestDatabases): Promise<void> {
  await loadMeters(databases.remote.admin, METERS);
  await loadReadings(databases.remote.admin, READINGS.slice(0, 7));
  await loadReadings(databases.local.admin, READINGS.slice(7));
}

function prove({ local, remote }: TestDatabases): ReturnType<typeof proveReadings> {
  return proveReadings({ local: local.admin, remote: remote.admin, close: async () => {} }, READINGS);
}

test('readings that are at one of the ends are not lost', async (context) => {
  const databases = await createDatabases(context, 'sample');
  await halfway(databases);

  expect(await prove(databases)).toEqual({
    readings: { generated: 10, remote: 7, local: 3, lost: 0, doubled: 0 },
    meters: { local: 0, remote: 1 },
    tenants: { local: 0, remote: SAMPLE_TENANTS.length },
  });
});

test.for([
  ['a reading that is gone is lost', 'delete from meter_readings where demand = 1.5', { lost: 1, doubled: 0 }],
  [
    'a changed value is a lost reading',
    `update meter_readings set demand = 7 where demand = 1.5`,
    { lost: 1, doubled: 0 },
  ],
  [
    'a digit less is a changed value',
    `update meter_readings set demand = 1.5 where demand = 1.5`,
    { lost: 1, doubled: 0 },
  ],
  [
    'a reading that came twice under another key is doubled',
    'insert into meter_readings (meter_id, created_at, demand) select meter_id, created_at, demand from meter_readings limit 1',
    { lost: 0, doubled: 1 },
  ],
] as const)('%s', async ([, damage, expected], context) => {
  const databases = await createDatabases(context, 'sample');
  await halfway(databases);
  await databases.remote.sql(damage);

  expect((await prove(databases)).readings).toMatchObject(expected);
});

test('a report that is loaded twice adds nothing the second time', async (context) => {
  const { local } = await createDatabases(context, 'sample');
  const progress: number[] = [];

  expect(await loadReadings(local.admin, READINGS, (sent) => progress.push(sent))).toEqual({
    loaded: 10,
    alreadyThere: 0,
  });
  expect(await loadReadings(local.admin, READINGS.slice(0, 4))).toEqual({ loaded: 0, alreadyThere: 4 });
  expect(await local.value('select count(*) from meter_readings where is_synchronized is not true')).toBe('10');
  expect(progress.at(-1)).toBe(10);
});
