import { openSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createDatabaseOn } from '../../support/postgres.js';
import { NO_OTHER_VERSION, startSystemPostgres } from '../../support/system-postgres.js';
import { openSite, PLAIN_READINGS, toSite } from './site-under-test.js';

const PAGE_BYTES = 8_192;

it.skipIf(NO_OTHER_VERSION !== null)('readings before a damaged page leave, and the page is told', async (context) => {
  // Few buffers, so that a page is soon read from its file again.
  const { url, data } = await startSystemPostgres({ settings: { shared_buffers: '1MB', full_page_writes: 'on' } });
  const local = await createDatabaseOn(url, 'local', context);
  const { remote } = await openSite(context);
  await local.sql(`create table meter_readings (id bigint primary key, created_at timestamptz not null, value numeric, is_synchronized boolean default false);
    create index on meter_readings (created_at, id) where is_synchronized is not true`);
  const site = toSite({ local, remote }, PLAIN_READINGS);
  await site.queueReadings(1, 1_000);
  const firstLost = Number(await local.value(`select min(id) from meter_readings where ctid >= '(3,0)'`));
  const file = await local.value(`select pg_relation_filepath('meter_readings')`);
  await local.sql('checkpoint');
  damage(join(data, file ?? ''), 3);
  await local.sql('select count(*) from pg_catalog.pg_proc, pg_catalog.pg_language'); // takes its place in memory

  await expect(site.upload({ batchRows: 400 })).rejects.toMatchObject({
    kind: 'damaged',
    message: expect.stringMatching(/^local database: .*\b3\b.*/) as unknown,
  });
  expect(await site.count(remote)).toBe(firstLost - 1);
  expect(await remote.value('select max(id) from meter_readings')).toBe(String(firstLost - 1));
  expect(Number(await local.value('select pg_relation_size($1)', ['meter_readings']))).toBeGreaterThan(3 * PAGE_BYTES);
});

/** Makes the head of a page one that no page has. */
function damage(file: string, page: number): void {
  const opened = openSync(file, 'r+');
  writeSync(opened, Buffer.alloc(24, 0xff), 0, 24, page * PAGE_BYTES);
  closeSync(opened);
}
