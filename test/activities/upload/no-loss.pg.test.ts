import { expect, it } from 'vitest';
import { UnsettledBatch } from '../../../src/model/upload-counts.js';
import { UPLOADED, WORKER } from '../../support/rights.js';
import { openSite, PLAIN_READINGS, setForDatabase, toSite } from './site-under-test.js';

it('every queued reading moves, leaves the queue and is counted', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 1_000);
  await site.local.sql('update meter_readings set is_synchronized = true where id <= 10');
  await site.local.sql('update meter_readings set is_synchronized = null where id > 990');
  const before = await site.contents(
    site.local,
    'id, created_at, value',
    '(select * from meter_readings where id > 10) r',
  );
  const result = await site.upload({ batchRows: 300 });
  expect(result).toMatchObject({
    selected: 990,
    inserted: 990,
    alreadyThere: 0,
    removed: 990,
    batches: 4,
    more: false,
  });
  expect(result).toMatchObject({ queueSize: 0, oldestUnsynced: null, totalUploaded: 990 });
  expect(await site.contents(site.remote)).toEqual(before);
  expect(await site.count(site.local)).toBe(10);
});

it('the total goes on counting from run to run, and only with what was removed', async (context) => {
  const site = await openSite(context);
  for (const [first, last, total] of [
    [1, 5, 5],
    [6, 7, 7],
    [8, 20, 20],
  ] as const) {
    await site.queueReadings(first, last);
    expect((await site.upload({ batchRows: 3 })).totalUploaded).toBe(total);
  }
  expect((await site.upload()).totalUploaded).toBe(20);
  expect(await site.local.value('select max(batch) from meter_sync.upload_state')).toBe('8');
});

it('a reading that a trigger of the remote swallows is not removed', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  await site.remote.sql(`
    create function swallow() returns trigger language plpgsql as 'begin return case when new.id <> 50 then new end; end';
    create trigger swallow before insert on meter_readings for each row execute function swallow()`);
  await expect(site.upload()).rejects.toThrow(UnsettledBatch);
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([100, 0]);
});

it('a reading that a trigger of the site keeps from being removed stops its batch before the remote commits, again and again', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  await site.local.sql(`
    create function keep() returns trigger language plpgsql as 'begin return case when old.id <> 50 then old end; end';
    create trigger keep before delete on meter_readings for each row execute function keep()`);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await expect(site.upload()).rejects.toThrow(UnsettledBatch);
    expect([await site.count(site.local), await site.count(site.remote)]).toEqual([100, 0]);
  }
  expect(await site.count(site.remote, 'meter_sync.custody')).toBe(0);
  await site.local.sql('drop trigger keep on meter_readings');
  expect(await site.upload()).toMatchObject({ inserted: 100, alreadyThere: 0, removed: 100 });
});

it('a constraint that speaks at the commit of the remote keeps back its culprit alone', async (context) => {
  const site = await openSite(context);
  await site.remote.sql(`
    create table meter (id numeric primary key);
    insert into meter select generate_series(1, 99);
    alter table meter_readings add foreign key (value) references meter deferrable initially deferred`);
  await site.queueReadings(1, 100);
  expect(await site.upload()).toMatchObject({ selected: 100, inserted: 99, quarantined: 1, removed: 99 });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([1, 99]);
});

it('a crash between the two commits costs a batch that is sent again, never a reading and never a double', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 1_000);
  const before = await site.contents(site.local);
  await site.local.sql(`
    create function crash() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
    create trigger crash after insert on meter_sync.upload_state execute function crash()`);
  await expect(site.upload({ batchRows: 400 })).rejects.toMatchObject({
    kind: 'unreachable',
    place: { side: 'local' },
  });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([1_000, 400]);
  await site.local.sql('drop trigger crash on meter_sync.upload_state');
  await site.queueReadings(1_001, 1_100);
  const result = await site.upload({ batchRows: 450 });
  expect(result).toMatchObject({
    selected: 1_100,
    inserted: 700,
    alreadyThere: 400,
    removed: 1_100,
    totalUploaded: 1_100,
  });
  expect((await site.contents(site.remote)).filter((row) => before.includes(row))).toHaveLength(1_000);
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([0, 1_100]);
});

it('one refused reading does not hold back the rest of its batch, nor the batches after it', async (context) => {
  const site = await openSite(context, {
    remote:
      'create table meter_readings (id bigint primary key, created_at timestamptz, value numeric check (value <> 15))',
  });
  await site.queueReadings(1, 30);
  expect(await site.upload({ batchRows: 10 })).toMatchObject({
    selected: 30,
    inserted: 29,
    quarantined: 1,
    removed: 29,
  });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([1, 29]);
  expect(await site.upload()).toMatchObject({ selected: 0, queueSize: 0, inQuarantine: 1, totalUploaded: 29 });
});

it('without our bookkeeping nothing moves, and the failure names the command that makes it', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 10);
  await site.local.sql('drop schema meter_sync cascade');
  const failure = { kind: 'schema', message: expect.stringContaining('meter-sync init') as unknown };
  await expect(site.upload()).rejects.toMatchObject(failure);
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([10, 0]);
});

it('a remote that confirms commits late is told to confirm ours when they are safe', async (context) => {
  const site = await openSite(context);
  await site.remote.sql(`
    create table seen (mode text);
    create function look() returns trigger language plpgsql as $$begin insert into seen values (current_setting('synchronous_commit')); return null; end$$;
    create trigger look after insert on meter_readings for each statement execute function look()`);
  await site.remote.sql(setForDatabase('synchronous_commit', 'off'));
  await site.queueReadings(1, 10);
  const fresh = await site.remote.pool.connect();
  fresh.release(new Error('the setting holds for new connections'));
  await site.upload();
  expect(await site.remote.value('select mode from seen')).toBe('on');
});

it('a site whose two ends are one database loses nothing, and is told so', async (context) => {
  const { local } = await openSite(context);
  const site = toSite({ local, remote: { ...local, side: 'remote' } }, { ...PLAIN_READINGS, custody: 'off' });
  await site.queueReadings(1, 100);
  await local.sql(`grant ${UPLOADED.remote} on meter_readings to ${WORKER}`);
  await expect(site.upload()).rejects.toMatchObject({
    kind: 'config',
    message: expect.stringContaining('same database'),
  });
  expect(await site.count(local)).toBe(100);
});
