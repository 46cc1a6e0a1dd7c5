import { expect, it } from 'vitest';
import { WORKER } from '../../support/rights.js';
import { openSite } from './site-under-test.js';

const METER = 'create table meter (id bigint primary key, name text, size int)';

it.for([
  { side: 'remote', drop: 'alter table meter drop column size' },
  { side: 'local', drop: 'alter table meter drop column size' },
  { side: 'remote', drop: 'alter table meter rename column size to extent' },
] as const)(
  'a column that the $side end has lost is told, and nothing changes: $drop',
  async ({ side, drop }, context) => {
    const site = await openSite(context, METER);
    await site.remote.sql(`insert into meter values (1, 'a', 1)`);
    await site.download();
    const other = side === 'local' ? site.remote : site.local;
    await site[side].sql(drop);
    await site.remote.sql(`update meter set name = 'b'`);
    for (const attempt of [1, 2]) {
      await expect(site.download(), `attempt ${attempt}`).rejects.toMatchObject({
        kind: 'schema',
        place: { side, table: 'meter', column: 'size' },
        message: expect.stringContaining(`${side} database: table meter has lost column size`) as string,
      });
    }
    expect(await site.local.value('select name from meter')).toBe('a');

    expect(await site.download({ except: ['size'] })).toMatchObject({ updated: 1 });
    expect(await site.download()).toMatchObject({ updated: 0 }); // the settings have said it once, so it is no loss any more
    await site.remote.sql(`update meter set name = 'c'`);
    await other.sql('alter table meter drop column if exists size');
    expect(await site.download()).toMatchObject({ updated: 1 });
  },
);

it('a column that both ends have lost is no loss', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter values (1, 'a', 1)`);
  await site.download();
  for (const end of [site.local, site.remote]) await end.sql('alter table meter drop column size');
  await site.remote.sql(`update meter set name = 'b'`);
  expect(await site.download()).toMatchObject({ updated: 1 });
});

it('types of which no value is one of the other are told with all else that is wrong, before a row moves', async (context) => {
  const site = await openSite(context, {
    local: 'create table meter (id bigint primary key, size int, since timestamptz, mark uuid, tags text[], ok text)',
    remote:
      'create table meter (id bigint primary key, size timestamptz, since date, mark boolean, tags text[], ok int)',
  });
  await site.remote.sql(`insert into meter values (1, now(), now(), true, '{}', 1)`);
  const error: unknown = await site
    .download({ only: ['size', 'since', 'mark', 'ok', 'colour'] })
    .catch((e: unknown) => e);
  expect(error).toMatchObject({ kind: 'schema' });
  const { message } = error as Error;
  expect(message).toContain('local database: table meter has no column colour');
  expect(message).toContain('remote database: table meter has no column colour');
  expect(message).toContain('has column size as timestamp with time zone, and the site as integer');
  expect(message).toContain('has column mark as boolean, and the site as uuid');
  expect(message).not.toContain('column since');
  expect(message).not.toContain('column ok');
  expect(await site.rows('local')).toEqual([]);
  expect(await site.download({ except: ['size', 'mark'] })).toMatchObject({ inserted: 1 });
});

it('a key cannot be secret', async (context) => {
  const site = await openSite(context, METER);
  await expect(site.download({ secret: ['id'] })).rejects.toMatchObject({ kind: 'schema', place: { column: 'id' } });
});

it('the remote table is free as soon as it is read, however long the site takes', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter values (1, 'a', 1)`);
  await site.download();
  await site.remote.sql(`update meter set name = 'b'`);
  const holder = await site.local.admin.pool.connect();
  try {
    await holder.query('begin; select from meter where id = 1 for update');
    const download = site.download();
    const isWaiting = `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    await expect.poll(() => site.local.value(isWaiting)).toBe('1');
    await site.remote.sql(`set lock_timeout = '5s'; alter table meter add column more text`);
    await holder.query('rollback');
    expect(await download).toMatchObject({ updated: 1 });
  } finally {
    holder.release();
  }
});

it('a role that may only read the two tables is enough at the remote', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter values (1, 'a', 1)`);
  await site.remote.sql(`
    revoke all on schema meter_sync from ${WORKER};
    revoke temporary on database "${site.remote.settings.database}" from public`);
  expect(await site.download()).toMatchObject({ inserted: 1 });
  expect(await site.download()).toMatchObject({ inserted: 0 });
});
