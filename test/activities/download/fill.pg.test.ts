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
  expect(site.lines.filter(({ message }) => message === 'new row')).toHaveLength(10_000);
  expect(site.lines.at(-1)).toEqual({
    level: 'info',
    message: 'more rows changed',
    facts: { table: 'meter', rows: 90_500 },
  });
  expect(await site.download()).toMatchObject({ inserted: 0, updated: 0 });
  await site.local.sql('update meter set size = 9 where id = 5');
  await site.remote.sql('update meter set size = 8 where id = 6; delete from meter where id = 7');
  expect(await site.download()).toMatchObject({ updated: 2, kept: 1 });
  expect(site.lines.map(({ message, facts }) => [message, facts.key])).toEqual([
    ['local edit set back', ['5']],
    ['row changed', ['6']],
    ['row is gone from the remote, and kept', ['7']],
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

/** So that a table of twenty rows is a large one. */
const SMALL = { limits: { rowsAtOnce: 7 } };

it.for([
  { what: 'leaves out', body: 'return null' },
  { what: 'refuses', body: `raise exception 'no'` },
])(
  'of a table that is filled, rows that a trigger $what stop only themselves, and are told once',
  async ({ body }, context) => {
    const site = await openSite(context, {
      local: `${METER};
      create function skip() returns trigger language plpgsql as $$ begin ${body}; end $$;
      create trigger skip before insert on meter for each row when (new.size = 3) execute function skip()`,
      remote: METER,
    });
    await site.remote.sql(FILL.replace('100500', '60'));
    const download = (): ReturnType<typeof site.download> => site.download({}, false, {}, SMALL);
    expect(await download()).toMatchObject({ inserted: 51, refused: 9, localCount: 51, remoteCount: 60 });
    const keys = [3, 10, 17, 24, 31, 38, 45, 52, 59].map((key) => [String(key)]);
    const told = site.lines.filter(({ level }) => level === 'warn').map(({ facts }) => facts.key);
    expect(told.sort()).toEqual(keys.sort());
    expect(await download()).toMatchObject({ inserted: 0, refused: 9 });
    expect(site.lines).toMatchObject([{ message: 'up to date' }]);
  },
);

it('a table that others have begun is filled up, and rows that a trigger leaves out are told', async (context) => {
  const site = await openSite(context, {
    local: `${METER};
      create function skip() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger skip before insert on meter for each row when (new.id > 40) execute function skip()`,
    remote: METER,
  });
  await site.local.sql(`insert into meter values (1, 'm1', 1), (2, 'other', 2), (99, 'own', 0)`);
  await site.remote.sql(FILL.replace('100500', '60'));
  expect(await site.download({}, false, {}, SMALL)).toMatchObject({ inserted: 38, updated: 1, refused: 20, kept: 0 });
  expect(await site.download({}, false, {}, SMALL)).toMatchObject({ inserted: 0, updated: 0, refused: 20, kept: 0 });
});
