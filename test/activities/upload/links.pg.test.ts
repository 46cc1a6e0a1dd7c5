import { randomInt } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import type { Side } from '../../../src/model/failures.js';
import { createPool } from '../../../src/postgres/pool.js';
import type { TestDatabase } from '../../support/postgres.js';
import { openProxy, passAll, type TcpProxy } from '../../support/tcp-proxy.js';
import { until } from '../../support/wait.js';
import { openSite, type SiteUnderTest, toSite } from './site-under-test.js';

const CUTS = 40;
const IS_UNLOCKED = `select 'yes' where not exists (
  select from pg_locks l join pg_database d on d.oid = l.database and d.datname = current_database() where l.locktype = 'advisory')`;

it('whatever byte a link breaks at, every reading arrives once and as it left', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 4_000);
  const left = await site.contents(site.local);
  const ways = [...(await linksTo(site, 'local')), ...(await linksTo(site, 'remote'))];
  for (let n = 0; n < CUTS; n += 1) {
    const { linked, cutAfter } = ways[n % ways.length]!;
    const mend = cutAfter(randomInt(n % 3 === 0 ? 1_500 : 15_000));
    await linked
      .upload({ batchRows: 60, maxDurationMs: 300 })
      .catch((error: unknown) => expect(error).toMatchObject({ kind: 'unreachable' }));
    mend();
    // A server hears of a cut link a moment after us, and holds the site's lock until then.
    await until(() => site.local.value(IS_UNLOCKED), { what: "the site's lock is free", everyMs: 5 });
  }
  await site.upload();
  expect(await site.count(site.local)).toBe(0);
  expect(await site.contents(site.remote)).toEqual(left);
});

it.for([
  ['remote', 'COPY 100', { alreadyThere: 0, inserted: 100 }],
  ['remote', 'COMMIT', { alreadyThere: 100, inserted: 0 }],
  ['local', 'COPY 100', { alreadyThere: 0, inserted: 100 }],
  ['local', 'DELETE 100', { alreadyThere: 0, inserted: 100 }],
  ['local', 'INSERT 0 1', { alreadyThere: 100, inserted: 0 }], // of the upload's state: the remote has committed
  ['local', 'COMMIT', { selected: 0 }],
] as const)('when the answer of the %s database to %s is lost, nothing is lost or doubled', async ([side, answer, then], context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  const left = await site.contents(site.local);
  const { linked, proxy } = await linkTo(site, side);
  const isDone = side === 'remote' ? 'COPY 100\0' : 'DELETE 100\0'; // commits of transactions that only read come earlier
  let hasBegun = answer !== 'COMMIT' && answer !== 'INSERT 0 1';
  proxy.toClient = (chunk) => {
    hasBegun ||= chunk.includes(isDone);
    const isCut = hasBegun && chunk.includes(`${answer}\0`);
    return { pass: isCut ? Buffer.alloc(0) : chunk, isCut };
  };
  await expect(linked.upload()).rejects.toMatchObject({ kind: 'unreachable', place: { side } });
  expect(await site.upload()).toMatchObject(then);
  expect(await site.count(site.local)).toBe(0);
  expect(await site.contents(site.remote)).toEqual(left);
}); // prettier-ignore

interface Link {
  readonly linked: SiteUnderTest;
  readonly proxy: TcpProxy;
}

/** The site with a proxy in front of one of its databases. */
async function linkTo(site: SiteUnderTest, side: Side): Promise<Link> {
  const database: TestDatabase = site[side];
  const proxy = await openProxy(database.settings);
  const settings = { ...database.settings, host: '127.0.0.1', port: proxy.port };
  const pool = createPool(settings, () => undefined); // idle connections are cut, too
  onTestFinished(async () => {
    await pool.end();
    await proxy.close();
  });
  return { linked: toSite({ ...site, [side]: { ...database, settings, pool } }, site.ends.readings), proxy };
}

/** Both directions of a link, each to be cut after so many bytes. */
async function linksTo(
  site: SiteUnderTest,
  side: Side,
): Promise<{ linked: SiteUnderTest; cutAfter: (bytes: number) => () => void }[]> {
  const { linked, proxy } = await linkTo(site, side);
  return (['toServer', 'toClient'] as const).map((way) => ({
    linked,
    cutAfter: (bytes) => {
      let left = bytes;
      proxy[way] = (chunk) => {
        const pass = chunk.subarray(0, Math.max(0, left));
        left -= chunk.length;
        return { pass, isCut: left < 0 };
      };
      return () => void (proxy[way] = passAll);
    },
  }));
}
