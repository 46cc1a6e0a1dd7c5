import { expect, it, type TestContext } from 'vitest';
import { noteDecision } from '../../../activities/download/guard/note-decision.js';
import type { Decision, HeldDownload } from '../../../src/model/guard.js';
import type { DownloadResult } from '../../../src/model/operations.js';
import { openSite, type SiteUnderTest } from './site-under-test.js';

const METER = 'create table meter (id bigint primary key, name text)';
const WITH_ACTIVE = 'create table meter (id bigint primary key, name text, is_active boolean not null default true)';
const FILL = `insert into meter select n, 'm' || n from generate_series(1, 40) n`;

/** A site whose 40 meters came from the remote, with the guard of a site that sets nothing. */
async function openFilled(context: TestContext, local = WITH_ACTIVE): Promise<Guarded> {
  const site = await openSite(context, { local, remote: METER });
  const download = (): Promise<DownloadResult> => site.download({}, false, {}, { guard: { share: 0.2 } });
  const decide = (decision: Decision, change?: string): Promise<HeldDownload> => {
    const named = change === undefined ? {} : { change };
    return noteDecision(site.local, 'site-1', { table: 'meter', decision, by: 'anna', ...named }, quiet);
  };
  await site.remote.sql(FILL);
  await download();
  return { ...site, guarded: download, decide, before: await site.rows('local') };
}

interface Guarded extends SiteUnderTest {
  readonly guarded: () => Promise<DownloadResult>;
  readonly decide: (decision: Decision, change?: string) => Promise<HeldDownload>;
  /** The local rows before the remote went wrong. */
  readonly before: readonly string[];
}

const quiet = {
  signal: new AbortController().signal,
  earlyEnd: new AbortController().signal,
  heartbeat: () => undefined,
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
};

/** The download fails as held, names the next command, and has changed nothing. */
async function expectHeld(site: Guarded, message: RegExp): Promise<HeldDownload> {
  const error = (await site.guarded().catch((failure: unknown) => failure)) as { held: HeldDownload };
  expect(error).toMatchObject({
    kind: 'schema',
    message: expect.stringMatching(message) as string,
    place: { side: 'remote', table: 'meter' },
    next: expect.stringContaining('meter-sync downloads show --site site-1 --table meter') as string,
  });
  expect(await site.rows('local')).toEqual(site.before);
  return error.held;
}

const openHolds = (site: SiteUnderTest): Promise<string | null> =>
  site.local.value('select count(*) from meter_sync.download_hold where ended_at is null');
const lastEnd = (site: SiteUnderTest): Promise<string | null> =>
  site.local.value('select ended from meter_sync.download_hold order by id desc limit 1');

it('a remote that answers empty changes nothing, and the hold ends by itself when the rows are back', async (context) => {
  const site = await openFilled(context);
  await site.remote.sql('delete from meter');
  const held = await expectHeld(
    site,
    /remote table is empty for this site, and 40 rows are in use here.*nothing was changed here/,
  );
  expect(held).toMatchObject({ table: 'meter', gone: 40, goneRule: 'deactivate', remoteRows: 0, decided: null });
  expect((await expectHeld(site, /held since/)).since).toBe(held.since);
  await site.remote.sql(FILL);
  expect(await site.guarded()).toMatchObject({ inserted: 0, updated: 0, deactivated: 0 });
  expect([await openHolds(site), await lastEnd(site)]).toEqual(['0', 'recovered']);
});

it('a remote that has lost half its rows changes nothing', async (context) => {
  const site = await openFilled(context);
  await site.remote.sql('delete from meter where id > 20');
  await expectHeld(
    site,
    /20 of 40 rows \(50 %\) are gone from the remote.*If approved, the next cycle deactivates 20 rows/,
  );
});

it('another database under the same name changes nothing, neither with other keys nor with the same', async (context) => {
  const site = await openFilled(context);
  await site.remote.sql(`update meter set id = id + 1000`);
  await expectHeld(site, /40 of 40 rows \(100 %\) are gone.*adds 40 rows/);
  await site.remote.sql(`update meter set id = id - 1000, name = 'other ' || id`);
  await expectHeld(site, /column name changes in 40 of 40 rows \(100 %\)/);
});

it('where rows that are gone are kept, another database is held all the same', async (context) => {
  const site = await openFilled(context, METER);
  await site.remote.sql(`update meter set id = id + 1000`);
  const held = await expectHeld(site, /40 of 40 rows \(100 %\) are gone.*keeps, as gone, 40 rows, adds 40 rows/);
  expect(held).toMatchObject({ goneRule: 'keep', gone: 40, inserted: 40 });
  await site.decide('approve');
  expect(await site.guarded()).toMatchObject({ inserted: 40, kept: 40 });
  expect(await site.guarded()).toMatchObject({ inserted: 0, kept: 40 });
});

it('approving applies exactly what was held, once', async (context) => {
  const site = await openFilled(context);
  await site.remote.sql('delete from meter where id > 20');
  const { change } = await expectHeld(site, /50 %/);
  await expect(site.decide('approve', 'ffffffffffff')).rejects.toThrow(/held with other changes now/);
  expect(await site.decide('approve', change)).toMatchObject({ change, decided: { decision: 'approve', by: 'anna' } });
  expect(await site.guarded()).toMatchObject({ deactivated: 20 });
  expect([await openHolds(site), await lastEnd(site)]).toEqual(['0', 'applied']);
  await expect(site.decide('approve')).rejects.toThrow('no download of table meter is held');
  await site.remote.sql('delete from meter where id > 5');
  await expect(site.guarded()).rejects.toThrow(/15 of 20 rows \(75 %\)/);
});

it('an approval does not reach what the remote has become since', async (context) => {
  const site = await openFilled(context);
  await site.remote.sql('delete from meter where id > 20');
  await expectHeld(site, /50 %/);
  await site.decide('approve');
  await site.remote.sql('delete from meter where id > 10');
  expect((await expectHeld(site, /75 %/)).decided).toBeNull();
  expect(await site.local.sql('select decision, ended from meter_sync.download_hold order by id')).toEqual([
    { decision: 'approve', ended: 'replaced' },
    { decision: null, ended: null },
  ]);
});

it('rejecting keeps what the site has without a failure, until other changes come', async (context) => {
  const site = await openFilled(context);
  await site.remote.sql('delete from meter where id > 20');
  await expectHeld(site, /50 %/);
  await site.decide('reject');
  for (let cycle = 0; cycle < 2; cycle += 1) {
    expect(await site.guarded()).toMatchObject({
      localCount: 40,
      remoteCount: 20,
      deactivated: 0,
      rejected: { table: 'meter', gone: 20, decided: { decision: 'reject', by: 'anna' } },
    });
    expect(await site.rows('local')).toEqual(site.before);
  }
  await site.decide('approve');
  expect(await site.guarded()).toMatchObject({ deactivated: 20 });
});

it('new rows, a column that is filled, rows that are back and edits of the site are never held', async (context) => {
  const site = await openFilled(context);
  await site.remote.sql(`insert into meter select n, 'm' || n from generate_series(41, 4000) n`);
  expect(await site.guarded()).toMatchObject({ inserted: 3960 });
  await site.local.sql('alter table meter add column serial text');
  await site.remote.sql(`alter table meter add column serial text; update meter set serial = 's' || id`);
  expect(await site.guarded()).toMatchObject({ updated: 4000 });
  await site.local.sql(`update meter set name = 'mine'`);
  expect(await site.guarded()).toMatchObject({ updated: 4000 });
  await site.local.sql('truncate meter');
  expect(await site.guarded()).toMatchObject({ inserted: 4000 });
});

it('rows that were taken away by approval come back without one', async (context) => {
  const site = await openFilled(context);
  await site.remote.sql('delete from meter');
  await expectHeld(site, /remote table is empty/);
  await site.decide('approve');
  expect(await site.guarded()).toMatchObject({ deactivated: 40 });
  await site.remote.sql(FILL);
  expect(await site.guarded()).toMatchObject({ updated: 40 });
  expect(await site.rows('local')).toEqual(site.before);
});

it('an edit of the site does not change what is held', async (context) => {
  const site = await openFilled(context);
  await site.remote.sql('delete from meter where id > 20');
  const { change } = await expectHeld(site, /50 %/);
  await site.local.sql(`update meter set name = 'mine' where id = 1`);
  await site.decide('approve', change);
  expect(await site.guarded()).toMatchObject({ deactivated: 20, updated: 1 });
});
