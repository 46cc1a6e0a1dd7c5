import { expect, it, type TestContext } from 'vitest';
import { countBytes } from './count-bytes.js';
import { openSite } from './site-under-test.js';

const OTHERS = Array.from({ length: 17 }, (_, n) => `column_${n} text`).join(', ');
const METER = `create table meter (id bigint primary key, name text, tenant_id bigint, ${OTHERS})`;
const FILL = `insert into meter (id, name, tenant_id, column_0, column_7) select n, 'm' || n, n % 5, 'Storgata ' || n, 'Ø' from generate_series(1, 10000) n`;

it('10,000 equal rows cost less than 2 KB on the wire, and one changed row little more', async (context) => {
  const { site, download, takeBytes } = await openCounted(context);
  await site.remote.sql(FILL);
  expect(await download()).toMatchObject({ inserted: 10_000 });
  takeBytes();
  expect(await download()).toMatchObject({ inserted: 0, updated: 0, localCount: 10_000, remoteCount: 10_000 });
  expect(takeBytes()).toBeLessThan(2_048);
  await site.remote.sql(`update meter set name = 'new' where id = 77`);
  expect(await download()).toMatchObject({ updated: 1 });
  expect(takeBytes()).toBeLessThan(10_000 * 50);
  expect(await download()).toMatchObject({ updated: 0 });
  expect(takeBytes()).toBeLessThan(2_048);
});

it('of a large table two hashes a row are listed, and only the rows that differ are fetched', async (context) => {
  const { site, download, takeBytes } = await openCounted(context);
  await site.remote.sql(FILL.replace('10000', '30000'));
  await download();
  await site.remote.sql(`update meter set name = 'new' where id in (5, 29000); delete from meter where id = 3`);
  takeBytes();
  expect(await download()).toMatchObject({ updated: 2, kept: 1 });
  expect(takeBytes()).toBeLessThan(30_000 * 26);
  expect(await download()).toMatchObject({ updated: 0, kept: 1 });
  expect(takeBytes()).toBeLessThan(2_048);
});

it('rows that were there before the first download are compared, and not fetched', async (context) => {
  const { site, download, takeBytes } = await openCounted(context);
  await site.remote.sql(FILL);
  await site.local.sql(FILL);
  expect(await download()).toMatchObject({ inserted: 0, updated: 0 });
  expect(takeBytes()).toBeLessThan(10_000 * 50);
});

it('rows that the local table refuses, or holds less exactly, are not fetched again and again', async (context) => {
  const { site, download, takeBytes } = await openCounted(
    context,
    METER.replace('column_0 text', 'column_0 varchar(12)'),
  );
  await site.remote.sql(FILL);
  expect(await download()).toMatchObject({ inserted: 999, refused: 9_001 });
  takeBytes();
  expect(await download()).toMatchObject({ inserted: 0, refused: 9_001, localCount: 999 });
  expect(takeBytes()).toBeLessThan(2_048);
});

async function openCounted(
  context: TestContext,
  local = METER,
): Promise<{
  site: Awaited<ReturnType<typeof openSite>>;
  download: Awaited<ReturnType<typeof openSite>>['download'];
  takeBytes: () => number;
}> {
  const site = await openSite(context, { local, remote: METER });
  const remote = await countBytes(site.remote);
  await remote.pool.query('select'); // connecting is no part of it
  return { site, download: () => site.download({}, false, { remote }), takeBytes: remote.takeBytes };
}
