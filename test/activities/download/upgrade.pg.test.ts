import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { openSite } from './site-under-test.js';

const MIGRATIONS = new URL('../../../activities/upload/migrations/local/', import.meta.url);
const CONTENT = 'select md5(string_agg(p::text, chr(10) order by table_id, part)) from meter_sync.download_part as p';

it('what an older version remembered row by row is remembered by parts, and nothing is told anew', async (context) => {
  const site = await openSite(context, {
    local: 'create table meter (id bigint primary key, size int check (size <> 7))',
    remote: 'create table meter (id bigint primary key, size int)',
  });
  await site.local.sql('insert into meter values (1000, 0)');
  await site.remote.sql('insert into meter select n, n from generate_series(1, 50) n');
  await site.download();
  await site.remote.sql('delete from meter where id = 9');
  const remembered = await site.download();
  const before = await site.local.value(CONTENT);
  const [older, change] = await Promise.all(
    ['003_download_state.sql', '005_download_parts.sql'].map((name) => readFile(new URL(name, MIGRATIONS), 'utf8')),
  );
  const rows = older?.slice(older.indexOf('create table meter_sync.download_row')) ?? '';
  await site.local.sql(`
    ${rows}
    insert into meter_sync.download_row (table_id, key_hash, remote_hash, local_hash, is_brought, state)
    select p.table_id, m.* from meter_sync.download_part as p,
      unnest(p.key_hash, p.remote_hash, p.local_hash, p.is_brought, p.state) as m;
    drop table meter_sync.download_part;
    alter table meter_sync.download_table drop column parts, drop column columns;
    ${change}`);
  expect(await site.local.value(CONTENT)).toBe(before);
  expect(await site.download()).toEqual({ ...remembered, observedAt: expect.any(String) as string });
  expect(site.lines).toMatchObject([{ message: 'up to date' }]);
});
