import { describe, expect, it } from 'vitest';
import { BOTTOM, selectBoundary } from '../../activities/upload/queue/queue.js';
import { readQueue } from '../../activities/upload/plan/plan-upload.js';
import { checkDayIndex } from '../../src/cli/check/check-day-index.js';
import { checkReadings } from '../../src/cli/check/check-readings.js';
import { openFindings } from '../../src/cli/check/finding.js';
import type { QueueTable } from '../../src/model/table.js';
import { readTableShape } from '../../src/postgres/catalog.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { openSite, type SiteUnderTest } from '../activities/upload/site-under-test.js';

const BASE = 'id bigint primary key, created_at timestamptz not null';
const FLAG = 'is_synchronized boolean';

interface Lines {
  readonly ok: string[];
  readonly warning: string[];
  readonly error: string[];
  /** What to do, after each of them that needs it. */
  readonly next: string[];
}

async function check({ local, remote, ends }: SiteUnderTest, settings: Partial<QueueTable> = {}): Promise<Lines> {
  const findings = openFindings('tables');
  await checkReadings({ local, remote }, { ...ends.readings, ...settings }, findings);
  const of = (wanted: string): string[] =>
    findings.list.filter(({ level }) => level === wanted).map(({ message }) => message);
  const next = findings.list.flatMap((finding) => finding.next ?? []);
  for (const { level, next: todo } of findings.list) expect(todo === null).toBe(level === 'ok');
  return { ok: of('ok'), warning: of('warning'), error: of('error'), next };
}

const withIndex = (local: string): string => `${local}; create index on meter_readings (created_at, id)`;

describe('the check of the columns', () => {
  it('tells that strong cannot be had where a column is converted', async (context) => {
    const site = await openSite(context, {
      local: withIndex(`create table meter_readings (${BASE}, big int, ${FLAG})`),
      remote: `create table meter_readings (${BASE}, big bigint)`,
    });
    expect((await check(site)).warning).toEqual([]);
    const { warning } = await check(site, { custody: 'strong' });
    expect(warning).toEqual([expect.stringContaining('no day digests are made: column big is converted')]);
  });

  it('tells what stays behind, what may be refused, what rounds and what crosses a zone, each in a line', async (context) => {
    const site = await openSite(context, {
      local: withIndex(`create table meter_readings (${BASE}, note text, name text, big bigint, level numeric(9,3), taken timestamp, ${FLAG})`),
      remote: `create table meter_readings (${BASE}, name varchar(10), big int, level numeric(9,1), taken timestamptz)`,
    }); // prettier-ignore
    const refused = await check(site);
    expect(refused.error.join('\n')).toContain('METER_SYNC_READINGS_TIME_ZONE');
    expect(refused.error.join('\n')).toContain('level is numeric(9,3) locally and numeric(9,1) remotely, which would round');
    expect(refused.error.join('\n')).toContain('the remote table has no column note, so these values would be lost; nothing is uploaded');
    expect(refused.next.join('\n')).toContain('set METER_SYNC_READINGS_EXCEPT=note and restart the worker');
    const { error, warning, ok, next } = await check(site, { timeZone: 'Europe/Berlin', mayRound: ['level', 'levle'], except: ['note', 'nmae', 'zzz'] });
    expect(error).toEqual([]);
    expect(ok.join('\n')).toContain('METER_SYNC_READINGS_EXCEPT keeps note from being uploaded');
    expect(next).toContain('Did you mean name? Correct the setting');
    expect(warning).toEqual([
      expect.stringContaining('METER_SYNC_READINGS_EXCEPT names nmae, and meter_readings has no such column at the site'),
      expect.stringContaining('METER_SYNC_READINGS_EXCEPT names zzz'),
      expect.stringContaining('big is bigint locally and integer remotely, which takes the numbers of integer alone'),
      expect.stringContaining('which takes 10 characters at most: a reading with more is refused and stays at the site'),
      expect.stringContaining('stores level less exactly, as the settings allow'),
      expect.stringContaining('METER_SYNC_READINGS_ALLOW_ROUNDING names levle'),
    ]);
    expect(ok).toContain('meter_readings: taken cross between local time and instants');
  }); // prettier-ignore

  it('names a column that the remote wants filled, a view in place of a table, and a zone that nobody knows', async (context) => {
    const site = await openSite(context, {
      remote: `create table meter_readings (${BASE}, value numeric, tariff text not null)`,
    });
    expect((await check(site)).error).toEqual([expect.stringContaining('remote column tariff is not null and has no default')]);
    expect((await check(site, { timeZone: 'Mars/Base' })).error[0]).toContain('does not know the time zone Mars/Base');
    await site.remote.sql('alter table meter_readings rename to elsewhere; create view meter_readings as table elsewhere');
    expect((await check(site)).error.join('\n')).toContain('a view or a foreign table, which has no unique key on (id)');
  }); // prettier-ignore
});

it('the check names a key that the site does not keep unique', async (context) => {
  const site = await openSite(context, {
    local: withIndex(
      `create table meter_readings (id bigint not null, created_at timestamptz, value numeric, ${FLAG})`,
    ),
  });
  const { warning, next } = await check(site);
  expect(warning).toEqual([expect.stringContaining('two readings can have one key (id)')]);
  await site.local.sql(next[0]?.replace(/^.*: /, '') ?? '');
  expect((await check(site)).warning).toEqual([]);
});

describe('the check of triggers and rules', () => {
  it('names those that come before an insert there and before a removal here, and no others', async (context) => {
    const site = await openSite(context);
    const act = `create function act() returns trigger language plpgsql as $$ begin return null; end $$;`;
    const trigger = (name: string, when: string): string =>
      `create trigger ${name} ${when} on meter_readings for each row execute function act()`;
    await site.remote.sql(`${act} ${trigger('"Round"', 'before insert or update')}; ${trigger('tell', 'after insert')};
      ${trigger('off', 'before insert')}; alter table meter_readings disable trigger off;
      create rule copied as on insert to meter_readings do also select 1`);
    await site.local.sql(`${act} ${trigger('keep', 'before delete')}; ${trigger('stamp', 'before insert')}`);
    const { warning } = await check(site);
    const named = warning.flatMap((line) => / database: (.+?) may /.exec(line)?.[1] ?? []);
    expect(named).toEqual(['trigger keep', 'rule copied', 'trigger "Round"']);
  });
});

it('the check names event triggers that see temporary tables, and a removal that cannot be', async (context) => {
  const site = await openSite(context, {
    local: withIndex(`create table meter_readings (${BASE}, value numeric, ${FLAG})`),
  });
  await site.remote.sql(`
    create function act() returns event_trigger language plpgsql as $$ begin end $$;
    create event trigger "See" on ddl_command_end execute function act();
    create event trigger drops on ddl_command_end when tag in ('DROP TABLE') execute function act();
    create event trigger off on ddl_command_start execute function act();
    alter event trigger off disable`);
  await site.local.sql(
    `alter table meter_readings replica identity nothing; create publication all_of_it for all tables`,
  );
  const { warning, error, next } = await check(site);
  expect(warning).toEqual([expect.stringContaining('event trigger "See" of the remote database')]);
  expect(error).toEqual([expect.stringContaining('publication all_of_it publishes its deletes')]);
  expect(next.join()).toContain('alter table meter_readings replica identity full');
});

describe('the check of the index', () => {
  it('gives the statement of one that then serves the queue without a sort', async (context) => {
    const columns = '"Id" bigint primary key, "at ""t""" timestamptz not null, value int, "is Sent" boolean';
    const site = await openSite(context, {
      local: `create table meter_readings (${columns}); insert into meter_readings select i, now() - i * interval '1 s', i from generate_series(1, 5000) as i; analyze meter_readings`,
      remote: 'create table meter_readings ("Id" bigint primary key, "at ""t""" timestamptz, value int)',
      readings: { key: ['Id'], order: 'at "t"', flag: 'is Sent' },
    });
    const [statement = ''] = (await check(site)).next.flatMap((next) => /create index .*$/.exec(next)?.[0] ?? []);
    expect(statement).toBe(
      'create index concurrently on "meter_readings" ("at ""t""", "Id") where "is Sent" is not true',
    );
    await site.local.sql(statement);
    expect((await check(site)).ok).toContain('meter_readings: an index gives the queue in its order');
    const { readings } = site.ends;
    const queue = await withTransaction(site.local, { isolation: 'read committed' }, (session) =>
      readQueue(session, readings),
    );
    const { text } = selectBoundary(queue, BOTTOM, 100);
    const plan = await site.local.sql(`explain ${text.replace('$1', '99')}`);
    expect(JSON.stringify(plan)).toContain('Index');
    expect(JSON.stringify(plan)).not.toContain('Sort');
  });

  it('takes no index for it that cannot serve: of other rows, in two directions, or begun by another column', async (context) => {
    const site = await openSite(context);
    for (const [index, serves] of [
      ['(created_at)', false],
      ['(id, created_at)', false],
      ['(created_at, id) where is_synchronized', false],
      ['(created_at, id) where not is_synchronized', false], // null is queued, too
      ['(created_at desc, id)', false],
      ['using brin (created_at, id)', false],
      ['(created_at, id) where is_synchronized is not true', true],
      ['(created_at desc, id desc)', true],
      ['(created_at, id, value)', true],
    ] as const) {
      await site.local.sql(`create index tried on meter_readings ${index}`);
      const { ok } = await check(site);
      expect([index, ok.some((line) => line.includes('an index gives'))]).toEqual([index, serves]);
      await site.local.sql('drop index tried');
    }
  });

  it('asks for no more than the key where the key is the order, and for what a table in parts can take', async (context) => {
    const site = await openSite(context, {
      local: `create table meter_readings (id bigint, created_at timestamptz, value numeric, ${FLAG}) partition by range (id)`,
    });
    const wanted = async (settings: Partial<QueueTable>): Promise<string[]> =>
      (await check(site, settings)).next.flatMap((next) => /create index .*$/.exec(next)?.[0] ?? []);
    expect(await wanted({ order: 'id', flag: null })).toEqual(['create index on "meter_readings" ("id")']);
  });
});

describe('the check of the index that verify goes along', () => {
  const partitioned = `create table meter_readings (id bigint, created_at timestamptz, value numeric, primary key (id, created_at))
    partition by range (created_at);
    create table p1 partition of meter_readings for values from ('2026-01-01') to ('2027-01-01');
    create table p2 partition of meter_readings for values from ('2027-01-01') to ('2028-01-01')`;

  it.for([
    [undefined, '', 'create index concurrently on "meter_readings" ("created_at")'],
    [partitioned, 'create index on p1 (created_at)', 'create index on "meter_readings" ("created_at")'],
  ] as const)('gives the statement for a large table, and takes no index that leads to a part alone: %s', async ([remote, other, wanted], context) => {
    const site = await openSite(context, remote === undefined ? {} : { remote });
    await site.remote.sql(remote === undefined ? 'create index on meter_readings (id, created_at)' : other);
    const { ends: { readings } } = site;
    const look = async (): Promise<string | undefined> => {
      const findings = openFindings('tables');
      const shape = await withTransaction(site.remote, { isolation: 'read committed' }, (session) => readTableShape(session, readings.table));
      await checkDayIndex(site.remote, { readings, shape, largeBlocks: 0 }, findings);
      return /create index .*$/.exec(findings.list[0]?.next ?? '')?.[0];
    };
    expect(await look()).toBe(wanted);
    await site.remote.sql(wanted.replace('concurrently ', ''));
    expect(await look()).toBeUndefined();
  }); // prettier-ignore
});
