import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { until } from '../../support/wait.js';
import { openSite } from './site-under-test.js';

const METER = 'create table meter (id bigint primary key, name text, active boolean default true)';
const PROGRAM = fileURLToPath(new URL('download-once.ts', import.meta.url));

it.for([
  { moment: 'before the first row is written', lock: 'lock table meter in share mode' },
  { moment: 'when new rows are in and old ones are not', lock: `select from meter where id = 3 for update` },
  {
    moment: 'when all rows are in and what was brought is not yet noted',
    lock: 'lock table meter_sync.download_row in share mode',
  },
])('a download that is killed with -9 $moment has changed nothing', async ({ lock }, context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter select n, 'm' || n from generate_series(1, 500) n`);
  await site.download();
  const before = await site.rows('local');
  const remembered = `select md5(string_agg(r::text, '|' order by key_hash)) from meter_sync.download_row as r`;
  const memory = await site.local.value(remembered);
  await site.remote.sql(`update meter set name = 'new' || id where id < 100; delete from meter where id = 200;
    insert into meter select n, 'm' || n from generate_series(501, 900) n`);
  const holder = await site.local.admin.pool.connect();
  await holder.query(`begin; ${lock}`);
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, site.local.url, site.remote.url], {
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  const waiting = `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await until(async () => (await site.local.value(waiting)) === '1', { what: 'the download waits for the lock' });
  child.kill('SIGKILL');
  await ended;
  await holder.query('rollback');
  holder.release();
  const others = `select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`;
  await until(async () => (await site.local.value(others)) === '0', {
    what: 'the killed process has left no transaction',
  });
  expect(await site.rows('local')).toEqual(before);
  expect(await site.local.value(remembered)).toBe(memory);
  expect(await site.download()).toMatchObject({ inserted: 400, updated: 99, deactivated: 1 });
  expect(await site.download()).toMatchObject({ inserted: 0, updated: 0, deactivated: 0 });
});
