import { expect, it } from 'vitest';
import { openSite } from './site-under-test.js';

const METER = 'create table meter (id bigint primary key, name text, size int)';
const FILL = `insert into meter select n, 'm' || n, n % 7 from generate_series(1, 100500) n`;

it('a large table that is empty here is filled, and what follows is told row by row', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(FILL);
  expect(await site.download()).toMatchObject({
    inserted: 100_500,
    localCount: 100_500,
    remoteCount: 100_500,
    refused: 0,
  });
  expect(site.lines).toEqual([
    { level: 'info', message: 'more rows changed', facts: { table: 'meter', rows: 100_500 } },
  ]);
  expect(await site.download()).toMatchObject({ inserted: 0, updated: 0 });
  await site.local.sql('update meter set size = 9 where id = 5');
  await site.remote.sql('update meter set size = 8 where id = 6; delete from meter where id = 7');
  expect(await site.download()).toMatchObject({ updated: 2, kept: 1 });
  expect(site.lines.map(({ message, facts }) => [message, facts.key])).toEqual([
    ['local edit set back', ['5']],
    ['row changed', ['6']],
  ]);
});

it('where a row is refused in the middle of it, all others come', async (context) => {
  const site = await openSite(context, {
    local: 'create table meter (id bigint primary key, name text, size int check (size < 100))',
    remote: METER,
  });
  await site.remote.sql(`${FILL}; update meter set size = 100 where id in (7, 90000)`);
  expect(await site.download()).toMatchObject({ inserted: 100_498, refused: 2, localCount: 100_498 });
  expect(await site.download()).toMatchObject({ inserted: 0, refused: 2 });
});
