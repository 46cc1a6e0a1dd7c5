import pg from 'pg';
import { inject, beforeEach, expect, test, type TestContext } from 'vitest';
import type { CheckFinding } from '../../src/cli/check/finding.js';
import { createDatabases, type TestDatabases } from '../support/postgres.js';
import { WORKER } from '../support/rights.js';
import { type CliRun, runCli } from './run-cli.js';

interface Checked {
  readonly ok: boolean;
  readonly sites: readonly { readonly siteId: string; readonly findings: readonly CheckFinding[] }[];
}

const cli = (
  args: readonly string[],
  { local, remote }: TestDatabases,
  more: Record<string, string> = {},
): Promise<CliRun> =>
  runCli([...args, '--json'], {
    POSTGRES_SYNC_URL: local.url,
    POSTGRES_CLIENT_URL: remote.url,
    TEMPORAL_ADDRESS: inject('stack').temporalAddress,
    ...more,
  });

const problemsOf = (run: CliRun): string[] =>
  (run.json() as Checked).sites.flatMap(({ findings }) =>
    findings.filter(({ level }) => level !== 'ok').map(({ level, area, message }) => `${level} ${area}: ${message}`),
  );

let databases: TestDatabases;
beforeEach(async (context: TestContext) => {
  databases = await createDatabases(context, context.task.name.includes('empty') ? 'empty' : 'ready');
});

test('a site that is ready has nothing wrong but that no worker and no workflow run', async () => {
  const run = await cli(['check', '--site', 'checked'], databases);
  expect(run.exitCode).toBe(0);
  expect(problemsOf(run)).toEqual([
    'warning site: no worker polls meter-sync:checked for workflows',
    'warning site: no worker polls meter-sync:checked for activities',
    "warning site: Temporal knows nothing of the sync of site checked: it was never started, or Temporal's data was lost",
  ]);
});

test('empty databases are told table by table, init makes them ready, and a second init finds nothing to do', async () => {
  const before = await cli(['check'], databases);
  expect(before.exitCode).toBe(1);
  const problems = problemsOf(before).join('\n');
  for (const name of ['meter_readings', 'meter', 'tenant']) expect(problems).toContain(`there is no table ${name}`);
  expect(problems).toContain('error local database: schema meter_sync lacks');

  for (const { sql, settings } of [databases.local, databases.remote])
    await sql(
      `grant create on database "${settings.database}" to ${WORKER}; grant create on schema public to ${WORKER}`,
    );
  const init = await cli(['init', '--sample-schema'], databases);
  expect(init.exitCode).toBe(0);
  expect((await cli(['check'], databases)).exitCode).toBe(0);
  const again = (await cli(['init'], databases)).json() as { databases: { applied: string[] }[] };
  expect(again.databases.map(({ applied }) => applied)).toEqual([[], []]);
});

test('who locks a table, a hold, a fence and few connection slots are told, errors first, with what to do', async (context) => {
  const { local, remote } = databases;
  const role = `few_${remote.settings.database.slice(-8)}`;
  await remote.sql(`create role ${role} login password 'right' connection limit 4`);
  context.onTestFinished(() => remote.sql(`drop role ${role}`).then(() => undefined));
  const holder = new pg.Client({ connectionString: local.admin.url, application_name: 'psql' });
  await holder.connect();
  context.onTestFinished(() => holder.end());
  await holder.query('begin; lock table meter_readings in share mode');
  const { pid } = (await holder.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!;
  await local.sql(`insert into meter_sync.upload_state (site, batch, rows, moved_at, seq, digest)
    values ('default', 1, 1, now(), 5, decode(repeat('ab', 32), 'hex'))`);
  const numbers = JSON.stringify({
    remoteRows: 0,
    localRows: 40,
    inserted: 0,
    updated: 0,
    gone: 40,
    goneRule: 'deactivate',
    reasons: [],
  });
  await local.sql(`insert into meter_sync.download_hold (site, table_name, fingerprint, numbers, examples)
    values ('default', 'meter', 'abc', '${numbers}', '[]')`);
  const few = Object.assign(new URL(remote.url), { username: role, password: 'right' }).href;
  const [run, quiet] = [
    await cli(['check'], { local, remote }),
    await runCli(['check', '--quiet'], {
      POSTGRES_SYNC_URL: local.url,
      POSTGRES_CLIENT_URL: few,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    }),
  ];
  const problems = problemsOf(run).join('\n');
  expect(problems).toMatch(
    new RegExp(`^error local database: meter_readings is locked by session ${pid} \\(user \\w+, psql`, 'm'),
  );
  expect(problems).toMatch(/^error tables: a download of table meter is held/m);
  expect(problems).toMatch(/^error tables: site default is fenced: the remote database lacks/m);
  const { findings } = (run.json() as Checked).sites[0]!;
  const levels = findings.map(({ level }) => level);
  expect(levels).toEqual([...levels].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)));
  expect(findings.map(({ next }) => next).join('\n')).toContain(`select pg_terminate_backend(${pid})`);
  expect(findings.map(({ message }) => message).join('\n')).toContain('free disk space: unknown');

  expect(quiet.stdout).toMatch(/^warning +remote database +role "\w+" has [0-3] connection slots? left of 4/m);
  expect(quiet.stdout).not.toMatch(/^ok /m);
  expect(quiet.stdout.trimEnd().split('\n').at(-1)).toMatch(/^\d+ errors?, \d+ warnings?, \d+ ok$/);
});

const ORDER: readonly CheckFinding['level'][] = ['error', 'warning', 'ok'];

test('a limit of connections, and parameters of a URL that change nothing, are told', async (context) => {
  const { local, remote } = databases;
  const role = `limited_${remote.settings.database.slice(-8)}`;
  await remote.sql(`create role ${role} login password 'right' connection limit 2`);
  context.onTestFinished(() => remote.sql(`drop role ${role}`).then(() => undefined));
  const url = Object.assign(new URL(remote.url), { username: role, password: 'right' }).href;
  const run = await cli(['check'], {
    local,
    remote: { ...remote, url: `${url}?application_name=me&connect_timeout=5` },
  });
  expect(problemsOf(run)).toContain(
    `warning remote database: role "${role}" has a limit of 2 connections, and a worker uses up to 4: uploads are slower then`,
  );
  const told = (run.json() as Checked).sites.flatMap(({ findings }) => findings.map(({ message }) => message));
  expect(told).toContain('POSTGRES_CLIENT_URL: passed over connect_timeout: a connection has 10 seconds');
});

test('drift, a missing index, missing rights and a misspelt setting are told at once, each with what to do', async () => {
  const { local, remote } = databases;
  const role = `r_${local.settings.database.slice(-8)}`;
  const indexes = await local.sql<{ name: string }>(
    `select indexrelid::regclass::text as name from pg_index where indrelid = 'meter_readings'::regclass and not indisunique`,
  );
  for (const { name } of indexes) await local.sql(`drop index ${name}`);
  await remote.sql('alter table meter_readings drop column power_factor, alter column demand type numeric(6,1)');
  await remote.sql(`create role ${role} login password 'pw'; grant select on meter, meter_readings to ${role}`);
  const url = Object.assign(new URL(remote.url), { username: role, password: 'pw' }).href;
  const run = await cli(['check'], { local, remote: { ...remote, url } }, { METER_SYNC_SITTE: 'x' });
  await remote.sql(`drop owned by ${role}; drop role ${role}`);

  const problems = problemsOf(run).join('\n');
  expect(run.exitCode).toBe(1);
  expect(problems).toContain('METER_SYNC_SITTE is set, and there is no such setting');
  expect(problems).toContain('no index on (created_at, id)');
  expect(problems).toMatch(/error tables: meter_readings: column demand is numeric/);
  expect(problems).toContain('the remote table has no column power_factor');
  expect(problems).toMatch(
    /remote database: user \w+ lacks rights, so no reading of meter_readings can be uploaded.*grant insert on "meter_readings" to/,
  );
  expect(problems).toContain('no right to SELECT on tenant in the remote database');
  const nexts = (run.json() as Checked).sites
    .flatMap(({ findings }) => findings.map(({ next }) => next ?? ''))
    .join('\n');
  expect(nexts).toContain(
    'create index concurrently on "meter_readings" ("created_at", "id") where "is_synchronized" is not true',
  );
  expect(problems).toContain(`grant insert on "meter_readings" to ${role}`);
  expect(nexts).toContain(`grant select on "tenant" to ${role}`);
});

test.for([
  { gone: 'delete', wanted: 'no right to UPDATE, DELETE on meter in the local database', grant: 'update, delete' },
  { gone: 'keep', wanted: 'no right to UPDATE on meter in the local database', grant: 'update' },
])(
  'where rows that went away are to be handled by $gone, the right to it is asked for',
  async ({ gone, wanted, grant }) => {
    const { local, remote } = databases;
    const role = `r_${local.settings.database.slice(-8)}`;
    await local.sql(
      `create role ${role} login password 'pw'; grant select on all tables in schema public to ${role}; grant insert on meter to ${role};
     grant usage on schema meter_sync to ${role}; grant all on all tables in schema meter_sync to ${role}`,
    );
    const url = Object.assign(new URL(local.url), { username: role, password: 'pw' }).href;
    const tables = JSON.stringify([{ table: 'meter', gone }]);
    const run = await cli(['check'], { local: { ...local, url }, remote }, { METER_SYNC_TABLES: tables });
    await local.sql(`drop owned by ${role}; drop role ${role}`);
    expect(problemsOf(run).join('\n')).toContain(wanted);
    const { findings } = (run.json() as Checked).sites[0]!;
    expect(findings.map(({ next }) => next ?? '').join('\n')).toContain(`grant ${grant} on "meter" to ${role}`);
  },
);

test('columns that keep a download from running, and names that nothing has, are told together', async () => {
  const { local, remote } = databases;
  await local.sql('alter table meter add column since timestamptz');
  await remote.sql('alter table meter add column since boolean; alter table tenant drop column name');
  await local.sql(
    `insert into meter_sync.download_table (site, table_name, columns) values ('default', 'tenant', '{id,name}')`,
  );
  const tables = JSON.stringify([{ table: 'meter', except: ['remarks'], secret: ['pinn'] }]);
  const run = await cli(['check'], { local, remote }, { METER_SYNC_TABLES: tables });
  const problems = problemsOf(run).join('\n');
  expect(problems).toContain('table meter has column since as boolean, and the site as timestamp with time zone');
  expect(problems).toContain('meter: "except" names column remarks, which neither end has');
  expect(problems).toContain('meter: "secret" names column pinn, which neither end has');
  expect(problems).toContain('table tenant has lost column name, which the site has and downloads have copied');
});

test('two names of one database are told as one and the same', async () => {
  const { local } = databases;
  const other = Object.assign(new URL(local.url), { hostname: 'localhost' }).href;
  const run = await cli(['check'], { local, remote: { ...local, url: other } });
  expect(problemsOf(run).join('\n')).toContain('one and the same database');
});

test('a server that is down does not keep the other checks from running, and no password is shown', async () => {
  const { local, remote } = databases;
  const down = 'postgresql://user:hunter2@127.0.0.1:1/db';
  const run = await cli(['check'], { local, remote: { ...remote, url: down } });
  expect(run.exitCode).toBe(1);
  expect(problemsOf(run)[0]).toMatch(/^error remote database: .*ECONNREFUSED/);
  expect(run.stdout + run.stderr).not.toContain('hunter2');
  const findings = (run.json() as Checked).sites[0]?.findings ?? [];
  expect(findings.some(({ area, level }) => area === 'Temporal' && level === 'ok')).toBe(true);
  expect(findings.some(({ area, level }) => area === 'local database' && level === 'ok')).toBe(true);
});

test('settings that cannot be used end with 2, and what they leave is looked at all the same', async () => {
  const run = await cli(['check'], databases, { POSTGRES_CLIENT_PORT: 'abc', METER_SYNC_READINGS_KEY: '' });
  expect(run.exitCode).toBe(2);
  const findings = (run.json() as Checked).sites[0]?.findings ?? [];
  expect(findings[0]).toMatchObject({ level: 'error', area: 'settings' });
  expect(findings.some(({ area, level }) => area === 'local database' && level === 'ok')).toBe(true);
});

test('a server that cannot be reached is told with its address, database and user, and the reader is not sent back here', async () => {
  const run = await cli(['check'], databases, { POSTGRES_CLIENT_URL: 'postgresql://someone@127.0.0.1:1/customer' });
  expect(run.exitCode).toBe(1);
  const findings = (run.json() as Checked).sites.flatMap((site) => site.findings);
  const found = findings.find(({ level, area }) => level === 'error' && area === 'remote database');
  expect(found?.message).toContain('(127.0.0.1:1, database customer, user someone)');
  expect(found?.next).toContain('look at the server');
  expect(found?.next).not.toContain('meter-sync check');
});

test('a proof that is reduced is told with what is lost by it, and without custody no schema of ours is wanted or made', async () => {
  const { remote } = databases;
  const chain = await cli(['check'], databases, { METER_SYNC_CUSTODY: 'chain' });
  expect(chain.exitCode).toBe(0);
  expect(problemsOf(chain).join('\n')).toContain('warning tables: METER_SYNC_CUSTODY is chain: without day sums');

  await remote.sql('drop schema meter_sync cascade');
  expect(problemsOf(await cli(['check'], databases)).join('\n')).toContain('schema meter_sync lacks');
  await cli(['init'], databases, { METER_SYNC_CUSTODY: 'off' });
  expect(await remote.value(`select to_regclass('meter_sync.custody')`)).toBe(null);
  const off = await cli(['check'], databases, { METER_SYNC_CUSTODY: 'off' });
  expect(off.exitCode).toBe(0);
  expect(problemsOf(off).join('\n')).toContain('a cloned site and a restored backup are not recognised');
});
