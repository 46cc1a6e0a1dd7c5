import { beforeEach, describe, expect, it } from 'vitest';
import { readLocalUpload } from '../../../activities/upload/chain/upload-state.js';
import { digestColumns, digestKey } from '../../../activities/custody/records/signed-text.js';
import type { SiteKey } from '../../../activities/custody/records/site-key.js';
import type { Verification, VerifyOptions } from '../../../activities/verify/verify-delivered.js';
import { verifySite } from '../../../activities/verify/verify-site.js';
import type { OwnedTable } from '../../../src/model/table.js';
import { forgeRecord, strangersKey } from '../upload/forge-record.js';
import { openSite, type SiteUnderTest, toSite } from '../upload/site-under-test.js';

const METERS: OwnedTable = { table: { schema: null, name: 'meter' }, key: ['id'], filter: null };
const COLUMNS = 'id bigint primary key, created_at timestamptz, meter_id bigint, value numeric';

const verify = ({ local, remote, ends }: SiteUnderTest, options: Partial<VerifyOptions> = {}): Promise<Verification> =>
  verifySite(
    { local, remote, tables: { readings: ends.readings, meters: METERS, tenants: METERS } },
    { siteId: 'test', from: null, to: null, after: null, isStopped: () => false, onProgress: () => undefined, ...options },
  ); // prettier-ignore

const isProved = ({ days, doubts }: Verification): boolean => doubts.length === 0 && days.every((day) => day.isProved);

/** Queues readings of the first of January. */
const queue = (site: SiteUnderTest, from: number, to: number, meter: number): Promise<unknown> =>
  site.local.sql(
    `insert into meter_readings select n, '2026-01-01'::timestamptz + n * interval '1 s', $3, n from generate_series($1::int, $2::int) as n`,
    [from, to, meter],
  );

async function keyOf(site: SiteUnderTest): Promise<SiteKey> {
  return (await readLocalUpload(site.local, { siteId: 'test' }, { purpose: 'toSign' })).signingKeys[0]!;
}

/** Puts in a record like the newest one of the site, with other days and for any site. */
async function putIn({ remote }: SiteUnderTest, record: { site: string; seq: number; days: string; rows: number }): Promise<void> {
  await remote.sql(
    `insert into meter_sync.custody (site, seq, content_digest, rows, already_there, columns_id, days, claim, sent_by, committed_at, digest, signature)
     select $1, $2, content_digest, $3, 0, columns_id, $4, claim, sent_by, now(), digest, signature
     from meter_sync.custody where site = 'test' order by seq desc limit 1`,
    [record.site, record.seq, record.rows, record.days],
  );
} // prettier-ignore

describe('a site that has delivered 42 readings of one day', () => {
  let site: SiteUnderTest;
  beforeEach(async (context) => {
    site = await openSite(context, {
      local: `create table meter_readings (${COLUMNS}, is_synchronized boolean);
        create table meter (id bigint primary key); insert into meter values (1), (2)`,
      remote: `create table meter_readings (${COLUMNS}); create index on meter_readings (created_at)`,
      readings: { meter: 'meter_id' },
    });
    await queue(site, 1, 42, 1);
    await site.upload({ batchRows: 21 });
  });

  const sumOf = async (where: string): Promise<bigint> =>
    BigInt(
      (await site.remote.value(
        `select coalesce(sum(hashtextextended('', hash_record_extended(row(timestamptz_send(created_at), int8send(id), int8send(meter_id), numeric_send(value)), 0))), 0)
         from meter_readings where ${where}`,
      )) ?? 0,
    );

  it.for([
    ['of fewer than no readings', '2026-01-01,-1,0', 0],
    ['whose days do not add up', '2026-01-01,0,0;2026-01-02,1,0', 0],
    ['of a day that is none', '2026-02-30,1,0', 1],
    ['of no key', '2026-01-01,0,-1', 0],
  ] as const)('a record %s of a site that does not exist explains no loss', async ([, days, rows]) => {
    const lost = await sumOf('id = 7');
    await site.remote.sql('delete from meter_readings where id = 7');
    await putIn(site, { site: 'ghost', seq: 1, days: days.replace(/,-1$/, `,${-lost}`), rows });
    const { doubts } = await verify(site);
    expect(doubts).toMatchObject([{ what: 'readings differ', day: '2026-01-01' }]);
    expect(doubts[0]?.message).toContain('1 of 42 readings delivered for 2026-01-01 is no longer on the remote');
    expect(doubts[0]?.message).toContain('records of site ghost count for nothing, since their chain is not whole');
  });

  it('a site with a key and a chain of its own explains an edit to nobody who does not vouch for it', async () => {
    await site.remote.sql(`update meter_readings set value = value + 1 where id = 7;
      insert into meter_readings select n, '2026-01-01 12:00+00', 1, 0 from generate_series(9001, 9008) as n`); // so many that the sum is one of hashes
    const delivered = await site.remote.value(`select sum(split_part(days, ',', 3)::numeric) from meter_sync.custody`);
    const ghost = strangersKey();
    await putIn(site, { site: 'ghost', seq: 1, days: `2026-01-01,8,${(await sumOf('true')) - BigInt(delivered ?? 0)}`, rows: 8 });
    await forgeRecord(site.remote, 1, ghost, 'ghost');
    await site.remote.sql(
      `insert into meter_sync.custody_key (site, from_seq, public_key, signature) values ('ghost', 1, decode($1, 'hex'), decode($2, 'hex'))`,
      [ghost.publicKey, ghost.sign(digestKey('ghost', 1, ghost.publicKey, null)).toString('hex')],
    );
    const verification = await verify(site);
    expect(verification).toMatchObject({ doubts: [], days: [{ proof: 'none', isProved: false }] });
    expect(verification.days[0]?.reason).toContain('the records of site ghost, whose key is not known here');
  }); // prettier-ignore

  it('a record that somebody appends is told as not signed, and adopt is no way out', async () => {
    await putIn(site, { site: 'test', seq: 3, days: '2026-01-01,0,0', rows: 0 });
    await forgeRecord(site.remote, 3, strangersKey());
    const { doubts } = await verify(site);
    expect(doubts.map(({ what }) => what)).toEqual(['record not signed', 'places differ']);
    expect(doubts[1]?.message).toContain('not signed with a key of this site: somebody else wrote or changed it there');
    expect(doubts.map(({ next }) => next).join()).not.toContain('adopt');
    expect(doubts[1]?.next).toContain('Keep the evidence: meter-sync verify --site test --report FILE');
  });

  it('a record one ahead of which no reading waits at the site is in doubt', async () => {
    await putIn(site, { site: 'test', seq: 3, days: '2026-01-01,0,0', rows: 0 });
    await forgeRecord(site.remote, 3, await keyOf(site));
    await queue(site, 101, 110, 2);
    const { doubts } = await verify(site);
    expect(doubts).toMatchObject([{ what: 'places differ', message: expect.stringContaining('none of the readings that wait here is on the remote') as unknown }]);
  }); // prettier-ignore

  it('records that were cut off are told as what it may be, and their readings are not called slipped in', async () => {
    await site.remote.sql('delete from meter_sync.custody where seq = 2');
    const { doubts } = await verify(site);
    expect(doubts.map(({ what }) => what)).toEqual(['places differ', 'readings differ']);
    expect(doubts[0]?.message).toContain('it was restored from an older backup, its custody records were removed, or it is another database');
    expect(doubts[0]?.next).toMatch(/^Keep the evidence: .* Only after a restore: meter-sync adopt --site test$/);
    expect(doubts[1]?.message).toContain('records are missing on the remote, which may have told of them');
  }); // prettier-ignore

  it('a type in the list of columns is compared, and never run', async () => {
    const evil = 'numeric); select pg_sleep(5); --';
    const text = JSON.stringify([['created_at', 'timestamp with time zone'], ['id', 'bigint'], ['meter_id', 'bigint'], ['value', evil]]); // prettier-ignore
    const changed = async (): Promise<Verification> => {
      const startedAt = Date.now();
      const verification = await verify(site);
      expect(Date.now() - startedAt).toBeLessThan(5_000);
      return verification;
    };
    await site.remote.sql('update meter_sync.custody_columns set columns = $1::json', [text]);
    expect((await changed()).doubts.map(({ what }) => what)).toContain('record makes no sense');
    const id = digestColumns(text, 'created_at').subarray(0, 8).toString('hex');
    await site.remote.sql(`update meter_sync.custody_columns set id = decode($1, 'hex')`, [id]);
    await site.remote.sql(`update meter_sync.custody set columns_id = decode($1, 'hex')`, [id]);
    for (const seq of [1, 2]) await forgeRecord(site.remote, seq, await keyOf(site)); // as if the site itself had written it
    const { days } = await changed();
    expect(days).toMatchObject([{ proof: 'count', reason: `column value was ${evil} and is numeric` }]);
    await site.remote.sql(`update meter_sync.custody_columns set columns = '"no list"'`);
    expect((await changed()).doubts.map(({ what }) => what)).toContain('record makes no sense');
  });

  it('a sum that so many hashes cannot have is no sum, whoever signed it', async () => {
    await site.remote.sql(
      `update meter_sync.custody set days = regexp_replace(days, ',-?\\d+$', ',' || repeat('9', 30)) where seq = 2`,
    );
    await forgeRecord(site.remote, 2, await keyOf(site));
    expect((await verify(site)).doubts.map(({ what }) => what)).toContain('record makes no sense');
  });

  it('of two sites that know each other’s meters none is accused of what the other one lacks', async (context) => {
    const local = `create table meter_readings (${COLUMNS}, is_synchronized boolean);
      create table meter (id bigint primary key); insert into meter values (1), (2)`;
    const second = toSite({ local: (await openSite(context, { local })).local, remote: site.remote }, site.ends.readings);
    await queue(second, 1001, 1010, 2);
    await second.upload({ siteId: 'other' });
    await site.remote.sql('delete from meter_readings where id = 1005');
    for (const [one, siteId, other] of [[site, 'test', 'other'], [second, 'other', 'test']] as const) {
      const { doubts } = await verify(one, { siteId });
      expect(doubts.map(({ message }) => message.replace(/; meters of that day.*/, ''))).toEqual([
        `1 of 52 readings delivered for 2026-01-01 by this site and site ${other} is no longer on the remote; whose it is, and whether one of the 51 that are there was changed, the day sum cannot tell`,
      ]);
    }
  }); // prettier-ignore

  it('a restored site that numbers its readings anew is not told that others are on the remote already', async () => {
    await queue(site, 30, 51, 2); // keys 30 to 42 are there, with other readings
    const verification = await verify(site);
    expect(verification.queue).toMatchObject({ waiting: 22, looked: 22, sameKey: 13, alreadyThere: 0 });
    await site.local.sql('update meter_readings set meter_id = 1 where id < 40');
    expect((await verify(site)).queue).toMatchObject({ sameKey: 13, alreadyThere: 10 });
    expect(isProved(verification)).toBe(true);
  });
});
