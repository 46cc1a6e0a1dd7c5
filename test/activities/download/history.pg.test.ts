import { expect, it } from 'vitest';
import { readChanges, readRuns } from '../../../activities/download/history/read-history.js';
import type { Session } from '../../../src/postgres/session.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { METERS, openSite, type SiteUnderTest } from './site-under-test.js';

const METER = 'create table meter (id bigint primary key, name text, place text, pin text)';

/** Asks the site's own bookkeeping. */
function ask<Result>({ local }: SiteUnderTest, question: (here: Session) => Promise<Result>): Promise<Result> {
  return withTransaction(local, { isolation: 'read committed' }, question);
}

const ALL = { siteId: 'site-1', table: 'meter', key: null, limit: 100 };

it('each applied change is kept with what was, what became, and the cycle', async (context) => {
  const site = await openSite(context, METER, { ...METERS, gone: { rule: 'delete' }, secret: ['pin'] });
  await site.remote.sql(`insert into meter values (1, 'a', 'here', '1111'), (2, 'b', null, null), (3, 'c', 'x', '2')`);
  await site.download({}, false, {}, { cycle: 7, workflowRun: 'run-1' });
  await site.local.sql(`update meter set place = 'mine' where id = 3`);
  await site.remote.sql(`update meter set place = 'there', pin = '9' where id = 1; delete from meter where id = 2`);
  await site.download({}, false, {}, { cycle: 8, workflowRun: 'run-1' });
  await site.download();

  const row = { table: 'meter', appliedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string };
  const [first, second] = [
    { ...row, cycle: 7, kind: 'new', fields: [], was: null },
    { ...row, cycle: 8 },
  ];
  expect(await ask(site, (here) => readChanges(here, ALL))).toEqual([
    {
      ...second,
      kind: 'changed',
      key: ['1'],
      name: 'a',
      fields: ['pin', 'place'],
      was: { place: 'here' },
      became: { place: 'there' },
    },
    {
      ...second,
      kind: 'set back',
      key: ['3'],
      name: 'c',
      fields: ['place'],
      was: { place: 'mine' },
      became: { place: 'x' },
    },
    {
      ...second,
      kind: 'gone',
      key: ['2'],
      name: 'b',
      fields: [],
      was: { id: '2', name: 'b', place: null },
      became: null,
    },
    { ...first, key: ['1'], name: 'a', became: { id: '1', name: 'a', place: 'here' } },
    { ...first, key: ['2'], name: 'b', became: { id: '2', name: 'b', place: null } },
    { ...first, key: ['3'], name: 'c', became: { id: '3', name: 'c', place: 'x' } },
  ]);
  expect(await ask(site, (here) => readChanges(here, { ...ALL, key: ['2'] }))).toHaveLength(2);
  expect(await ask(site, (here) => readRuns(here, { ...ALL, table: null }))).toMatchObject([
    { cycle: 8, workflowRun: 'run-1', newRows: 0, changedRows: 2, goneRows: 1, listedRows: 3, approvedBy: null },
    { cycle: 7, newRows: 3, changedRows: 0, goneRows: 0, listedRows: 3 },
  ]);
});

it('a large first fill keeps one line, and a row that is refused none', async (context) => {
  const site = await openSite(context, {
    local: 'create table meter (id bigint primary key, name text check (length(name) < 7))',
    remote: 'create table meter (id bigint primary key, name text)',
  });
  await site.remote.sql(`insert into meter values (1, 'far too long'), (2, 'b')`);
  await site.download();
  expect(await ask(site, (here) => readChanges(here, ALL))).toMatchObject([{ key: ['2'] }]);
  await site.local.sql('truncate meter, meter_sync.download_row, meter_sync.download_table');
  await site.remote.sql(`truncate meter; insert into meter select n, 'm' || n from generate_series(1, 10001) n`);
  await site.download();
  const [fill] = await ask(site, (here) => readRuns(here, ALL));
  expect(fill).toMatchObject({ newRows: 10_001, listedRows: 0 });
});

it('what is older than the set days is cleared by the next download that changes something', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter values (1, 'a')`);
  await site.download();
  await site.local.sql(`update meter_sync.download_run set applied_at = now() - interval '8 days'`);
  await site.remote.sql(`update meter set name = 'b'`);
  await site.download({}, false, {}, { historyDays: 9 });
  expect(await ask(site, (here) => readRuns(here, ALL))).toHaveLength(2);
  await site.remote.sql(`update meter set name = 'c'`);
  await site.download({}, false, {}, { historyDays: 7 });
  expect(await ask(site, (here) => readRuns(here, ALL))).toHaveLength(2);
  expect(await ask(site, (here) => readChanges(here, ALL))).toMatchObject([
    { was: { name: 'b' }, became: { name: 'c' } },
    { was: { name: 'a' }, became: { name: 'b' } },
  ]);
});
