import type { TestDatabase } from '../../support/postgres.js';
import { forgeKey, forgeRecord, strangersKey } from '../upload/forge-record.js';

export type Verdict = 'proved' | 'not proved' | 'in doubt';

/** What is changed; what `verify` says, in part; and the verdict of both. */
export type Way = readonly [
  name: string,
  change: string | ((remote: TestDatabase) => Promise<unknown>),
  says: string | RegExp,
  verdict: Verdict,
];

export const first = 'where id = 0'; // of the first day

export const OTHER_WRITER: readonly Way[] = [
  ['a reading is deleted', `delete from meter_readings ${first}`, /1 of \d+ readings delivered for 2026-01-01/, 'in doubt'],
  ['a day is deleted', `delete from meter_readings where id between 40 and 79`, /40 of \d+ readings delivered for 2026-01-02/, 'in doubt'],
  ['all is deleted', 'truncate meter_readings', /readings delivered for 2026-01-01/, 'in doubt'],
  ['a value is changed', `update meter_readings set value = value + 0.001 ${first}`, /for 2026-01-01.* was changed/, 'in doubt'],
  ['a value becomes null', `update meter_readings set value = null ${first}`, /for 2026-01-01.* was changed/, 'in doubt'],
  ['-0 becomes 0', `update meter_readings set level = 0 ${first}`, /for 2026-01-01.* was changed/, 'in doubt'],
  ['1.50 becomes 1.5', `update meter_readings set amount = 1.5 ${first}`, /for 2026-01-01.* was changed/, 'in doubt'],
  ['a text gets a blank', `update meter_readings set note = note || ' ' ${first}`, /for 2026-01-01.* was changed/, 'in doubt'],
  ['json is spelt anew', `update meter_readings set extra = '{"b": 2.0, "a": 1}' ${first}`, /for 2026-01-01.* was changed/, 'in doubt'],
  ['two readings exchange their values', 'update meter_readings set value = (1 - id) / 8.0 where id in (0, 1)', /for 2026-01-01.* was changed/, 'in doubt'],
  ['two columns of a reading exchange their values', `update meter_readings set amount = value, value = amount ${first}`, /for 2026-01-01.* was changed/, 'in doubt'],
  ['a reading moves to another day', `update meter_readings set created_at = created_at + interval '1 day' ${first}`, /1 of \d+ readings delivered for 2026-01-01/, 'in doubt'],
  ['a reading moves within its day', `update meter_readings set created_at = created_at + interval '1 min' ${first}`, /for 2026-01-01.* was changed/, 'in doubt'],
  ['a reading moves to another meter of the site', `update meter_readings set meter_id = 2 ${first}`, 'for 2026-01-01', 'in doubt'],
  ['a reading moves to a meter of another site', `update meter_readings set meter_id = 7 ${first}`, 'for 2026-01-01', 'in doubt'],
  ['a reading moves to an unknown meter', `update meter_readings set meter_id = 99 ${first}`, 'for 2026-01-01', 'in doubt'],
  ['two sites exchange a meter', 'update meter_readings set meter_id = 8 - meter_id where id in (0, 400)', 'for 2026-01-01', 'in doubt'],
  ['a reading is slipped in', `insert into meter_readings values (900, '2026-01-02 12:00+00', 1, 1)`, '1 reading for 2026-01-02 is on the remote', 'in doubt'],
  ['a reading is slipped in on a day without any', `insert into meter_readings values (900, '2026-01-04 12:00+00', 1, 1)`, '1 reading for 2026-01-04 is on the remote', 'in doubt'],
  ['a reading is slipped in after the last day', `insert into meter_readings values (900, '2026-02-01 12:00+00', 1, 1)`, '1 reading for 2026-02-01 is on the remote', 'in doubt'],
  ['a reading is replaced by another one', `update meter_readings set id = 900 ${first}`, /for 2026-01-01.* was changed/, 'in doubt'],
]; // prettier-ignore

/** A record of a site that was made up, with a key of its own. */
async function insertGhost(remote: TestDatabase, rows: number, days: string): Promise<void> {
  const key = strangersKey();
  await copyRecord(remote, { from: 1, site: 'ghost', seq: 1 }, `rows = ${rows}, days = ${days}`);
  await forgeKey(remote, key, { site: 'ghost' });
  await forgeRecord(remote, 1, key, 'ghost');
}

/** Appends a copy of a record, changed, with the digest that it comes to. */
async function copyRecord(remote: TestDatabase, to: { from: number; site?: string; seq: number }, change = 'rows = rows'): Promise<void> {
  const { from, site = 'test', seq } = to;
  await remote.sql(`
    create temp table copy as select * from meter_sync.custody where site = 'test' and seq = ${from};
    update copy set site = '${site}', seq = ${seq};
    update copy set ${change};
    insert into meter_sync.custody select * from copy; drop table copy`);
  await forgeRecord(remote, seq, undefined, site);
} // prettier-ignore

/** The hash of a reading as the protocol has it. */
const HASH = `(select hashtextextended('', hash_record_extended(row(numeric_send(r.amount), timestamptz_send(r.created_at),
  convert_to(r.extra::text, 'UTF8'), int8send(r.id), float8send(r.level), int8send(r.meter_id), convert_to(r.note, 'UTF8'), numeric_send(r.value)), 0))
  from meter_readings r where r.id = ID)`;

export const RECORD_WRITER: readonly Way[] = [
  ['a negative day of a site that does not exist hides a deletion', async (remote: TestDatabase): Promise<void> => {
    const sum = await remote.value(`select (-${HASH.replace('ID', '0')})::text`);
    await remote.sql(`delete from meter_readings ${first}; alter table meter_sync.custody drop constraint custody_rows_check`);
    await insertGhost(remote, -1, `'2026-01-01,-1,${sum}'`);
  }, /1 of \d+ readings delivered for 2026-01-01/, 'in doubt'],
  ['a day of no readings hides an edit', async (remote: TestDatabase): Promise<void> => {
    const before = BigInt((await remote.value(`select ${HASH.replace('ID', '0')}::text`)) ?? 0);
    await remote.sql(`update meter_readings set value = 1 ${first}`);
    const after = BigInt((await remote.value(`select ${HASH.replace('ID', '0')}::text`)) ?? 0);
    await insertGhost(remote, 0, `'2026-01-01,0,${after - before}'`);
  }, /for 2026-01-01.* was changed/, 'in doubt'],
  ['a site that vouches for itself explains a reading that was slipped in', async (remote: TestDatabase): Promise<void> => {
    await remote.sql(`insert into meter_readings values (900, '2026-01-02 12:00+00', 1, 1)`);
    await insertGhost(remote, 1, `'2026-01-02,1,' || ${HASH.replace('ID', '900')}`);
  }, 'ghost', 'not proved'],
  ['a site that vouches for itself explains an edit', async (remote: TestDatabase): Promise<void> => {
    const before = BigInt((await remote.value(`select ${HASH.replace('ID', '40')}::text`)) ?? 0);
    await remote.sql(`update meter_readings set value = 1 where id = 40; insert into meter_readings values (900, '2026-01-02 12:00+00', 1, 1)`);
    const after = BigInt((await remote.value(`select (${HASH.replace('ID', '40')}::numeric + ${HASH.replace('ID', '900')})::text`)) ?? 0);
    await insertGhost(remote, 1, `'2026-01-02,1,${after - before}'`);
  }, 'ghost', 'not proved'],
  ['a record of another real site explains a reading that was slipped in', async (remote: TestDatabase): Promise<void> => {
    await remote.sql(`insert into meter_readings values (900, '2026-01-02 12:00+00', 1, 1)`);
    await copyRecord(remote, { from: 1, site: 'other', seq: 2 }, `rows = 1, days = '2026-01-02,1,' || ${HASH.replace('ID', '900')}`);
  }, /readings? for 2026-01-02 (?:is|are) on the remote/, 'in doubt'],
  ['a record is appended with the claim of the one before it', (remote: TestDatabase): Promise<void> => copyRecord(remote, { from: 4, seq: 5 }, `rows = 0, days = ''`), '', 'in doubt'],
  ['a record is appended, signed by a key that was put among those of the site', async (remote: TestDatabase): Promise<void> => {
    const key = strangersKey();
    await copyRecord(remote, { from: 4, seq: 5 }, `rows = 0, days = ''`);
    await forgeKey(remote, key, { fromSeq: 5 });
    await forgeRecord(remote, 5, key);
  }, '', 'in doubt'],
  ['a record is appended, signed by a key that pretends to follow that of the site', async (remote: TestDatabase): Promise<void> => {
    const key = strangersKey();
    await copyRecord(remote, { from: 4, seq: 5 }, `rows = 0, days = ''`);
    await forgeKey(remote, key, { fromSeq: 5, previous: await remote.value(`select encode(public_key, 'hex') from meter_sync.custody_key where site = 'test'`) });
    await forgeRecord(remote, 5, key);
  }, '', 'in doubt'],
  ['a record far ahead is put in', (remote: TestDatabase): Promise<void> => copyRecord(remote, { from: 4, seq: 1000 }, `rows = 0, days = ''`), '', 'in doubt'],
  ['a key is put among those of the site', (remote: TestDatabase): Promise<void> => forgeKey(remote, strangersKey()), 'key', 'in doubt'],
  ['a record names a type that is a command', async (remote: TestDatabase): Promise<void> => {
    await remote.sql(`insert into meter_sync.custody_columns values ('\\x0011223344556677', '[["id","bigint); select pg_sleep(60); --"]]', 'created_at')`);
    await copyRecord(remote, { from: 4, seq: 5 }, `columns_id = '\\x0011223344556677'`);
  }, '', 'in doubt'],
]; // prettier-ignore

/** Functions of the schema `lies` come before PostgreSQL's own for whoever connects from now on. */
const setPath = ({ sql }: TestDatabase): Promise<unknown> =>
  sql(`do $$begin execute format('alter database %I set search_path to lies, pg_catalog, public', current_database()); end$$;
    select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`);

export const ADMINISTRATOR: readonly Way[] = [
  ['the days of a record are changed', `update meter_sync.custody set days = replace(days, '01-01', '01-02') where site = 'test' and seq = 1`, 'record 1', 'in doubt'],
  ['the days of a record are removed', `update meter_sync.custody set days = null where site = 'test' and seq = 1`, 'record 1', 'in doubt'],
  ['the time of a record is changed', `update meter_sync.custody set committed_at = committed_at - interval '1 us' where site = 'test' and seq = 2`, 'record 2', 'in doubt'],
  ['the sender of a record is changed', `update meter_sync.custody set sent_by = sent_by || '.' where site = 'test' and seq = 2`, 'record 2', 'in doubt'],
  ['the claim of a record is changed', `update meter_sync.custody set claim = gen_random_uuid() where site = 'test' and seq = 2`, 'record 2', 'in doubt'],
  ['a record and its digest are changed', async (remote: TestDatabase): Promise<void> => {
    await remote.sql(`delete from meter_readings ${first}; update meter_sync.custody set rows = 39 where site = 'test' and seq = 1`);
    await forgeRecord(remote, 1);
  }, 'record 1', 'in doubt'],
  ['a signature is changed', `update meter_sync.custody set signature = set_byte(signature, 0, 255 - get_byte(signature, 0)) where site = 'test' and seq = 3`, 'record 3', 'in doubt'],
  ['the first record is dropped', `delete from meter_sync.custody where site = 'test' and seq = 1`, 'record', 'in doubt'],
  ['a record and its readings are dropped', `delete from meter_sync.custody where site = 'test' and seq = 2; delete from meter_readings where id between 40 and 79`, 'record', 'in doubt'],
  ['the newest record is dropped', `delete from meter_sync.custody where site = 'test' and seq = 4`, '', 'in doubt'],
  ['the newest record and its readings are dropped', `delete from meter_sync.custody where site = 'test' and seq = 4; delete from meter_readings where id between 160 and 199`, '', 'in doubt'],
  ['two records change places', `update meter_sync.custody set seq = 100 where site = 'test' and seq = 2;
    update meter_sync.custody set seq = 2 where site = 'test' and seq = 3; update meter_sync.custody set seq = 3 where site = 'test' and seq = 100`, 'custody records 2 to 4 do not fit', 'in doubt'],
  ['an older record is played again as the newest', (remote: TestDatabase): Promise<void> => copyRecord(remote, { from: 3, seq: 5 }), '', 'in doubt'],
  ['the newest record becomes an older one', async (remote: TestDatabase): Promise<void> => {
    await remote.sql(`delete from meter_sync.custody where site = 'test' and seq = 4`);
    await copyRecord(remote, { from: 3, seq: 4 });
  }, '', 'in doubt'],
  ['all records are dropped', 'truncate meter_sync.custody', '', 'in doubt'],
  ['the records of the site are dropped', `delete from meter_sync.custody where site = 'test'`, '', 'in doubt'],
  ['the keys are dropped', 'truncate meter_sync.custody_key', 'sign', 'in doubt'],
  ['the key is replaced', async (remote: TestDatabase): Promise<void> => {
    await remote.sql(`delete from meter_sync.custody_key where site = 'test'`);
    await forgeKey(remote, strangersKey());
  }, 'sign', 'in doubt'],
  ['all is written anew and signed by another key', async (remote: TestDatabase): Promise<void> => {
    const key = strangersKey();
    const sum = await remote.value(`select sum(${HASH.replace('ID', 'x.id')})::text from meter_readings x where x.id between 1 and 39`);
    await remote.sql(`delete from meter_sync.custody_key where site = 'test'; delete from meter_readings ${first};
      update meter_sync.custody set rows = 39, days = '2026-01-01,39,${sum}' where site = 'test' and seq = 1`);
    await forgeKey(remote, key);
    for (const seq of [1, 2, 3, 4]) await forgeRecord(remote, seq, key);
  }, 'sign', 'in doubt'],
  ['the lists of columns are dropped', 'truncate meter_sync.custody_columns', 'list of columns', 'in doubt'],
  ['a column is taken out of the list', `update meter_sync.custody_columns set columns = '[["id","bigint"]]'`, 'list of columns', 'in doubt'],
  ['the column of the days is changed in the list', `update meter_sync.custody_columns set day_column = null`, 'list of columns', 'in doubt'],
  ['a column is dropped', 'alter table meter_readings drop column note', 'note', 'not proved'],
  ['a column is renamed', 'alter table meter_readings rename column note to remark', 'note', 'not proved'],
  ['a column gets another type', 'alter table meter_readings alter value type text', 'column value was numeric(12,3) and is text', 'not proved'],
  ['a column is widened to hide an edit', `alter table meter_readings alter value type numeric; update meter_readings set value = value + 0.0004 ${first}`, /for 2026-01-01.* was changed/, 'in doubt'],
  ['a column is rewritten', 'alter table meter_readings alter value type numeric(12,5)', 'column value was numeric(12,3) and is numeric(12,5)', 'not proved'],
  ['the column of the days gets another type', `alter table meter_readings alter created_at type timestamp using created_at at time zone 'Asia/Tokyo'`, 'created_at', 'not proved'],
  ['the column of the days is dropped', 'alter table meter_readings drop column created_at', 'created_at', 'not proved'],
  ['functions of the same names lie', async (remote: TestDatabase): Promise<void> => {
    await remote.sql(`update meter_readings set value = 0.777 ${first}; create schema lies;
      create function lies.numeric_send(numeric) returns bytea language sql as $$select pg_catalog.numeric_send(case when $1 = 0.777 then 0.000 else $1 end)$$;
      grant usage on schema lies to public`);
    await setPath(remote);
  }, /for 2026-01-01.* was changed/, 'in doubt'],
  ['functions of the same names lie of a record', async (remote: TestDatabase): Promise<void> => {
    await remote.sql(`create table public.kept as select content_digest from meter_sync.custody where site = 'test' and seq = 2;
      create schema lies; create function lies.encode(b bytea, f text) returns text language sql as $$
        select case when b = '\\x00' then pg_catalog.encode(k.content_digest, f) else pg_catalog.encode(b, f) end from public.kept k$$;
      update meter_sync.custody set content_digest = '\\x00' where site = 'test' and seq = 2;
      grant usage on schema lies to public; grant select on public.kept to public`);
    await setPath(remote);
  }, 'custody record 2', 'in doubt'],
  ['readings are hidden by a view', `alter table meter_readings rename to kept; create view meter_readings as select * from kept where id <> 0`, /1 of \d+ readings delivered for 2026-01-01/, 'in doubt'],
]; // prettier-ignore

/** Of a site whose four records are under a seal; the first two have been pruned. */
export const SEALED: readonly Way[] = [
  ['the sums of a seal are changed', `update meter_sync.custody_seal set totals = replace(totals, ',40,', ',39,'), rows = rows - 4`, 'seal', 'in doubt'],
  ['a seal is taken away', 'delete from meter_sync.custody_seal', 'record', 'in doubt'],
  ['a seal is put in', `insert into meter_sync.custody_seal select site, 3, 2, record_digest, 0, 0, '', null, last_committed_at, sealed_at, digest, signature
    from meter_sync.custody_seal where seq = 4`, 'seal', 'in doubt'],
  ['more records are taken away than a seal stands for', `delete from meter_sync.custody where seq = 3`, 'record', 'in doubt'],
  ['a reading whose record was pruned is deleted', `delete from meter_readings ${first}`, /readings delivered for 2026-01-01/, 'in doubt'],
  ['a reading whose record was pruned is changed', `update meter_readings set value = 1 ${first}`, /for 2026-01-01.* was changed/, 'in doubt'],
  ['a record under a seal is changed', `update meter_sync.custody set sent_by = 'somebody' where seq = 3`, 'record 3', 'in doubt'],
]; // prettier-ignore
