import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { toReport, type VerifyReport } from '../../../src/cli/verify/report.js';
import { renderVerification } from '../../../src/cli/verify/render.js';
import { readLocalUpload } from '../../../activities/upload/chain/upload-state.js';
import { sealChain } from '../../../activities/custody/proof/make-seal.js';
import type { Verification } from '../../../activities/verify/verify-delivered.js';
import { verifyRemote } from '../../../activities/verify/verify-remote.js';
import { verifySite } from '../../../activities/verify/verify-site.js';
import type { OwnedTable } from '../../../src/model/table.js';
import { copyDatabase, type TestDatabase } from '../../support/postgres.js';
import { findPython } from '../../support/python.js';
import { openSite, type SiteUnderTest } from '../upload/site-under-test.js';
import { openPythonVerifier, type PythonVerifier, SCRIPT } from './python-verifier.js';
import { ADMINISTRATOR, first, OTHER_WRITER, RECORD_WRITER, SEALED, type Verdict } from './tamper-ways.js';

// Ways to change what a site has delivered, by whoever may write on the remote and has not the site's key. None is "unchanged",
// and meter-sync and the auditors' verifier agree on each.

const COLUMNS = `id bigint primary key, created_at timestamptz not null, meter_id bigint, value numeric(12,3), amount numeric,
  level double precision, note text, extra json`;

/** Readings of three meters on four days, one record a day, nothing on the fourth of January; and another site's in the same table. */
async function deliver(context: Pick<TestContext, 'task'>): Promise<SiteUnderTest> {
  const site = await openSite(context, {
    local: `create table meter_readings (${COLUMNS}, is_synchronized boolean);
      create table meter (id bigint primary key); insert into meter values (1), (2), (3)`,
    remote: `create table meter_readings (${COLUMNS}); create index on meter_readings (created_at)`,
    readings: { meter: 'meter_id' },
  });
  const insert = (from: number, to: number, meter: string): Promise<unknown> =>
    site.local.sql(`insert into meter_readings
      select n, '2026-01-01 00:20:00+00'::timestamptz + (n / 40) % 10 * interval '1 day' + n % 40 * interval '30 min', ${meter}, n / 8.0,
        1.50, case n % 4 when 0 then '-0'::float8 else n / 3.0 end, 'note ' || n, '{"a": 1, "b": 2.0}'
      from generate_series(${from}, ${to}) as n where n / 40 % 10 <> 3`);
  await insert(0, 199, '1 + n % 3');
  await site.upload({ batchRows: 40 });
  await insert(400, 459, '7');
  await site.upload({ siteId: 'other' });
  return site;
}

let site: SiteUnderTest;
let python: PythonVerifier;
/** What the verifiers are told elsewhere than on the remote: keys and the head. */
let known: readonly string[];
let told: Omit<Parameters<typeof verifyRemote>[1], 'readings'>;
const ends: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  const context = { task: { name: 'tamper matrix' } as TestContext['task'], onTestFinished: (end: () => Promise<void>) => ends.push(end) };
  site = await deliver(context);
  python = await openPythonVerifier();
  ends.push(python.close);
  const { chain } = await readLocalUpload(site.local, { siteId: 'test' });
  const [own = '', other = ''] = [chain.keys[0], (await readLocalUpload(site.local, { siteId: 'other' })).chain.keys[0]];
  const base64 = (key: string): string => Buffer.from(key, 'hex').toString('base64');
  told = { keys: new Map([['test', [{ publicKey: own }]], ['other', [{ publicKey: other }]]]), head: { seq: chain.seq, digest: chain.digest } };
  known = ['test', '--key', base64(own), '--head', `${chain.seq}:${chain.digest}`, '--key', `other=${base64(other)}`];
}); // prettier-ignore
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

const METERS: OwnedTable = { table: { schema: null, name: 'meter' }, key: ['id'], filter: null };
const PLAIN = {
  paint: (_: string, text: string) => text,
  table: (_: readonly string[], rows: readonly (readonly string[])[]) => rows.map((row) => row.join(' ')).join('\n'),
} as unknown as Parameters<typeof renderVerification>[2];

interface Told {
  readonly report: VerifyReport;
  readonly text: string;
}

const tell = (verification: Verification): Told => {
  const report = toReport(verification, { from: null, to: null, after: null, isDeep: false, walk: [] });
  return { report, text: renderVerification(report, null, PLAIN) };
};

const ASKED = {
  siteId: 'test',
  from: null,
  to: null,
  after: null,
  isStopped: () => false,
  onProgress: () => undefined,
};

/** `verify`, and `verify --remote-only` with the keys and the head. */
async function verify(remote: TestDatabase, local = site.local): Promise<readonly Told[]> {
  const { readings } = site.ends;
  const ends = { local, remote, tables: { readings, meters: METERS, tenants: METERS } };
  const bySite = await verifySite(ends, { ...ASKED, start: 'whole' });
  const alone = await verifyRemote(remote, { readings, ...told }, { ...ASKED, start: 'whole' });
  return [tell(bySite), tell(alone)];
}

const HEADLINES: Readonly<Record<Verdict, RegExp>> = {
  proved:
    /^Site test: every reading that was delivered is on the remote, unchanged(?: as far as its day sums tell)?\.$/m,
  'not proved': /^Site test: (?!.*(?:unchanged|in doubt\.)).*not all is proved/m,
  'in doubt': /^Site test: \d+ things? (?:is|are) in doubt\./m,
};

async function expectVerdict(remote: TestDatabase, verdict: Verdict, says: string | RegExp): Promise<void> {
  const [all, answer] = [await verify(remote), await python.ask([remote.url, ...known])];
  for (const { report, text } of all) {
    expect(text, JSON.stringify({ text, answer }, null, 1)).toMatch(HEADLINES[verdict]);
    expect(text).toMatch(says);
    expect(report.isProved).toBe(verdict === 'proved');
  }
  expect(answer).toMatchObject({ verdict, exitCode: verdict === 'proved' ? 0 : 1 });
}

it('without a change all is proved', async (context) => {
  await expectVerdict(await copyDatabase(site.remote, context), 'proved', '');
});

it('run by hand the verifier of auditors says its verdict and why, and ends with 0, 1 or 2', async (context) => {
  const remote = await copyDatabase(site.remote, context);
  const run = async (...args: readonly string[]): Promise<{ code: number; said: string }> =>
    promisify(execFile)(await findPython(), [SCRIPT, remote.url, ...args]).then(
      ({ stdout }) => ({ code: 0, said: stdout }),
      (error: unknown) => {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
        return { code, said: stdout + stderr };
      },
    );
  const proved = await run(...known);
  expect(proved).toMatchObject({ code: 0, said: expect.stringContaining('site test: proved\n  4 records, 160') as unknown });
  const unknown = await run('test'); // no key and no head were told
  expect(unknown).toMatchObject({ code: 1, said: expect.stringContaining('not proved: whose key it is') as unknown });
  const [, , key = ''] = known;
  const digits = createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex').slice(0, 32);
  const byPrint = await run('test', '--key', digits.replace(/(.{4})/g, '$1 '), ...known.slice(3));
  expect(byPrint).toMatchObject({ code: 0 });
  await remote.sql(`update meter_readings set value = 1 ${first}`);
  const changed = await run(...known);
  expect(changed).toMatchObject({ code: 1, said: expect.stringContaining('in doubt: 2026-01-01: at least one') as unknown });
  expect(await run(...known, '--table', 'no_such_table')).toMatchObject({ code: 2 });
}); // prettier-ignore

describe.each([
  ['another writer of readings', OTHER_WRITER],
  ['somebody who may insert records, too', RECORD_WRITER],
  ['the administrator of the remote, without the key', ADMINISTRATOR],
])('%s', (_, ways) => {
  it.for(ways)('%s', async ([, change, says, verdict], context) => {
    const remote = await copyDatabase(site.remote, context);
    await (typeof change === 'string' ? remote.sql(change) : change(remote));
    await expectVerdict(remote, verdict, says);
  });
});

describe('seals', () => {
  let sealed: TestDatabase;
  beforeAll(async () => {
    const context = { task: { name: 'sealed' } as TestContext['task'], onTestFinished: (end: () => Promise<void>) => ends.push(end) };
    sealed = await copyDatabase(site.remote, context);
    const { chain, signingKeys: keys } = await readLocalUpload(site.local, { siteId: 'test' }, { purpose: 'toSign' });
    const { signal } = new AbortController();
    for (const seq of [2, 4]) {
      const digest = await sealed.value(`select encode(digest, 'hex') from meter_sync.custody where site = 'test' and seq = ${seq}`);
      await sealChain(sealed, { siteId: 'test', upTo: seq === chain.seq ? chain : { seq, digest }, keys, maxDurationMs: 10_000, signal });
    }
    await sealed.sql(`delete from meter_sync.custody where site = 'test' and seq <= 2`);
  }); // prettier-ignore

  it('pruned records leave what they delivered proved', async (context) => {
    await expectVerdict(await copyDatabase(sealed, context), 'proved', 'those up to 2 by their seal');
  });

  it.for(SEALED)('%s', async ([, change, says, verdict], context) => {
    const remote = await copyDatabase(sealed, context);
    await (typeof change === 'string' ? remote.sql(change) : change(remote));
    await expectVerdict(remote, verdict, says);
  });
});

it('dropped at the end of the chain, and forgotten by the site, is what only a head that was told elsewhere finds', async (context) => {
  const remote = await copyDatabase(site.remote, context);
  await remote.sql(`delete from meter_sync.custody where site = 'test' and seq = 4; delete from meter_readings where id between 160 and 199`);
  const local = await copyDatabase(site.local, context); // restored from a backup of that day, too
  const digest = await remote.value(`select encode(digest, 'hex') from meter_sync.custody where site = 'test' and seq = 3`);
  await local.sql(`update meter_sync.upload_state set seq = 3, digest = decode($1, 'hex') where site = 'test'`, [digest]);
  const [bySite, alone] = await verify(remote, local);
  expect(bySite?.report).toMatchObject({ isProved: true, chain: { records: 3 } });
  expect(alone?.report).toMatchObject({ isProved: false, doubts: [{ what: 'places differ' }] });
  expect(await python.ask([remote.url, ...known])).toMatchObject({ verdict: 'in doubt' });
  const headless = known.filter((_, at) => at !== 3 && at !== 4);
  expect(await python.ask([remote.url, ...headless])).toMatchObject({ verdict: 'not proved', notProved: [expect.stringContaining('no head')] });
}); // prettier-ignore

// Readings 0 to 7 with the values 0.5 to 7.5 have the same sum when these millionths are added to them: found in four seconds.
const COLLISION = [39_915, 60_437, 95_668, 4_811, 93_061, 1_562, 237, 98_349];

it('readings whose sum is the same are beyond the mode full, and found in strong by their bytes', async (context) => {
  const columns = 'id bigint primary key, created_at timestamptz not null, meter_id bigint, value numeric(12,6)';
  const { local, remote, ends: there, upload } = await openSite(context, {
    local: `create table meter_readings (${columns}, is_synchronized boolean); create table meter (id bigint primary key); insert into meter values (1)`,
    remote: `create table meter_readings (${columns})`,
    readings: { meter: 'meter_id', custody: 'strong' },
  });
  await local.sql(`insert into meter_readings select n, '2026-01-01 00:00+00', 1, n + 0.5 from generate_series(0, 7) as n`);
  await upload();
  const { keys, seq, digest } = (await readLocalUpload(local, { siteId: 'test' })).chain;
  const args = ['test', '--key', Buffer.from(keys[0]!, 'hex').toString('base64'), '--head', `${seq}:${digest}`];
  const judge = async (isDeep: boolean): Promise<unknown[]> => {
    const tables = { readings: there.readings, meters: METERS, tenants: METERS };
    const { days } = await verifySite({ local, remote, tables }, { ...ASKED, isDeep });
    const { verdict } = await python.ask([remote.url, ...args, ...(isDeep ? ['--deep'] : [])]);
    return [...days.map(({ isProved }) => isProved), verdict];
  };
  expect(await judge(true)).toEqual([true, 'proved']);
  await remote.sql(`update meter_readings as r set value = value + c.millionths * 0.000001
    from unnest(array[${COLLISION.join(', ')}]) with ordinality as c(millionths, place) where r.id = c.place - 1`);
  expect(await judge(false)).toEqual([true, 'proved']);
  expect(await judge(true)).toEqual([false, 'in doubt']);
}); // prettier-ignore
