import { expect, it } from 'vitest';
import { NO_POOLER, throughPooler } from '../../support/pooler.js';
import { openSite } from './site-under-test.js';

const METER =
  'create table meter (id bigint primary key, name text, installed timestamptz, active boolean default true)';
/** So that a change of fifty rows is a large one. */
const SMALL = { sentKeys: 10 };

it.skipIf(NO_POOLER !== null)(
  `downloads go through PgBouncer in transaction mode, many at once, and leave nothing on its connections${NO_POOLER === null ? '' : ` (skipped: ${NO_POOLER})`}`,
  async (context) => {
    const site = await openSite(context, METER);
    const remote = await throughPooler(site.remote);
    const download = (siteId = 'site-1'): ReturnType<typeof site.download> =>
      site.download({}, false, { remote }, { siteId, limits: SMALL });
    await site.remote.sql(
      `insert into meter select n, 'm' || n, '2026-03-29 02:30:00+02'::timestamptz + n * interval '1 h', true from generate_series(1, 200) n`,
    );
    expect(await download()).toMatchObject({ inserted: 200, refused: 0 });
    expect(await download()).toMatchObject({ inserted: 0, updated: 0 });
    await site.remote.sql(`update meter set name = 'new' where id in (3, 77); delete from meter where id = 200;
      insert into meter values (201, 'm201', now(), true)`);
    expect(await download()).toMatchObject({ inserted: 1, updated: 2, deactivated: 1 });

    await site.remote.sql(`update meter set name = 'newer' where id < 50`);
    const all = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    await Promise.all(all.map((siteId) => download(siteId).catch(expectBusy)));
    await download();
    expect(await site.rows('remote')).toEqual(
      (await site.rows('local')).filter((row) => !row.includes('"active":false')),
    );

    const forms = `select current_setting('timezone') || current_setting('datestyle') || current_setting('jit') ||
      current_setting('transaction_read_only') || current_setting('statement_timeout')`;
    const own = await site.remote.value(forms);
    const left = await Promise.all(all.map(() => remote.pool.query({ text: forms, rowMode: 'array' })));
    expect(new Set(left.map(({ rows }) => (rows as string[][])[0]?.[0]))).toEqual(new Set([own]));
  },
  60_000,
);

/** Two downloads of one table take turns. */
function expectBusy(error: unknown): void {
  expect(error).toMatchObject({ kind: 'busy' });
}
