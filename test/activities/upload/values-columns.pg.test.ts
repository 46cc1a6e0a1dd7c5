import { expect, it } from 'vitest';
import { openSite } from './site-under-test.js';

it('a column travels from the next run on, whichever end has it first, and nothing leaves without it', async (context) => {
  const site = await openSite(context);
  const insert = (id: number, columns: string, values: string): Promise<unknown> =>
    site.local.sql(`insert into meter_readings (id, created_at${columns}) values (${id}, '2026-01-01'${values})`);
  const stops = { kind: 'schema', place: { side: 'remote', column: 'early' } };
  await site.local.sql('alter table meter_readings add early text');
  await insert(1, ', early', `, 'kept'`);
  await expect(site.upload()).rejects.toMatchObject(stops);
  await site.remote.sql('alter table meter_readings add early text, add late text');
  await insert(2, ', early', `, 'here'`);
  expect(await site.upload()).toMatchObject({ inserted: 2, removed: 2 });
  await site.local.sql('alter table meter_readings add late text');
  await insert(3, ', early, late', `, 'here', 'too'`);
  expect(await site.upload()).toMatchObject({ inserted: 1, removed: 1 });
  expect(await site.contents(site.remote, 'id, early, late')).toEqual(['(1,kept,)', '(2,here,)', '(3,here,too)']);
  await site.remote.sql('alter table meter_readings drop early');
  await insert(4, ', late', `, 'still'`);
  await expect(site.upload()).rejects.toMatchObject(stops);
  await site.local.sql('alter table meter_readings drop early');
  expect(await site.upload()).toMatchObject({ inserted: 1, removed: 1 });
  expect(await site.contents(site.remote, 'id, late')).toEqual(['(1,)', '(2,)', '(3,too)', '(4,still)']);
});

it('a column that comes in the middle of a run is not left behind: the next attempt reads the table anew', async (context) => {
  const site = await openSite(context);
  await site.remote.sql('alter table meter_readings add extra text');
  await site.queueReadings(1, 60);
  let change: Promise<unknown> | undefined;
  const alter = (): void => {
    change ??= site.local.sql(
      `alter table meter_readings add extra text;
       insert into meter_readings (id, created_at, value, extra) select i, '2027-01-01', i, 'new' from generate_series(61, 80) as i`,
    );
  };
  await expect(site.upload({ batchRows: 2, onHeartbeat: alter })).rejects.toMatchObject({
    kind: 'busy',
    place: { side: 'local', table: 'meter_readings' },
  });
  await change;
  await site.upload();
  expect(await site.remote.sql(`select count(*), count(extra) as extra from meter_readings`)).toEqual([
    { count: '80', extra: '20' },
  ]);
  expect(await site.count(site.local)).toBe(0);
});
