import { expect, it } from 'vitest';
import { linkTo, SHORT_LIMITS } from '../../support/silent-link.js';
import { openSite } from './site-under-test.js';

const METER = 'create table meter (id bigint primary key, name text, note text)';

it('a first fill over a slow link ends, however long it takes, as long as bytes come', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter select n, 'm' || n, md5(n::text) from generate_series(1, 1200) n`);
  const remote = await linkTo(site.remote);
  remote.proxy.pace = { delayMs: 15, bytesPerSecond: 20_000 };
  const since = performance.now();
  expect(await site.download({}, false, { remote })).toMatchObject({ inserted: 1_200, localCount: 1_200 });
  expect(performance.now() - since).toBeGreaterThan(2 * SHORT_LIMITS.givenUpAfterMs);
  expect(remote.told).toEqual([]);
});

it('rows that are copied are under no limit of ours', async (context) => {
  const limits = (first: string): string => `create table base (id bigint); insert into base values (1);
    create view meter as select id, ${first} as name from base`;
  const local = 'create table meter (id bigint primary key, name text)';
  const site = await openSite(context, { local, remote: limits("current_setting('statement_timeout')") });
  await site.download();
  expect(await site.rows('local')).toEqual(['{"id":1,"name":"0"}']);
});

it("a limit of the site's role for idling does not end a download that waits for a slow remote", async (context) => {
  const site = await openSite(context, {
    local: METER,
    remote: `create table base (id bigint, name text, note text); insert into base values (1, 'm', null);
      create view meter as select b.* from base b, (select pg_sleep(0.7)) as w`,
  });
  await site.local.sql(
    `do $$begin execute format('alter database %I set idle_in_transaction_session_timeout to ''200ms''', current_database()); end$$`,
  );
  (await site.local.pool.connect()).release(new Error('the setting holds for new connections'));
  expect(await site.download()).toMatchObject({ inserted: 1, localCount: 1 });
});
