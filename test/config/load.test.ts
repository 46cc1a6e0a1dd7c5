import { toValues } from '../../src/config/read/layers.js';
import fc from 'fast-check';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { inspectSites, loadConfig, loadSiteConfig, loadSites } from '../../src/config/load.js';
import { toPoolSettings } from '../../src/config/pool-settings.js';
import { ConfigProblems } from '../../src/config/check/problems.js';
import type { SettingSources } from '../../src/config/read/layers.js';
import { findInputProblems } from '../../src/model/scheduler.js';

const folder = mkdtempSync(join(tmpdir(), 'meter-sync-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const BOTH = { POSTGRES_SYNC_HOST: 'site', POSTGRES_CLIENT_HOST: 'customer' };

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function problemsOf(sources: SettingSources, load: (sources: SettingSources) => unknown = loadConfig): ConfigProblems {
  try {
    load(sources);
  } catch (error) {
    if (error instanceof ConfigProblems) return error;
    throw error;
  }
  throw new Error('nothing was wrong');
}

test('two hosts are enough: everything else has a default', () => {
  const config = loadConfig({ env: BOTH });
  expect(config).toMatchObject({ siteId: 'default', taskQueue: 'meter-sync:default', intervalMs: 60_000 });
  expect(config.local).toMatchObject({ host: 'site', port: 5432, tls: { mode: 'prefer' } });
  expect(() => config.local.password()).toThrow('none is set; expected POSTGRES_SYNC_PASSWORD');
  expect(config.tables.readings).toEqual({
    table: { schema: null, name: 'meter_readings' },
    key: ['id'],
    order: 'created_at',
    flag: 'is_synchronized',
    custody: 'full',
    maxRefusedShare: 0.2,
    meter: 'meter_id',
  });
  expect(Object.isFrozen(config) && Object.isFrozen(config.local) && Object.isFrozen(config.tables.readings)).toBe(
    true,
  );
});

test('all problems are told at once, each with what was found and what is wanted', () => {
  const { problems, message } = problemsOf({
    env: {
      POSTGRES_SYNC_PORT: 'abc',
      POSTGRES_CLIENT_SSLMODE: 'allow',
      POSTGRES_CLIENT_HOST: 'a,,b',
      METER_SYNC_SITE: 'a b',
      METER_SYNC_BATCH_ROWS: '0',
      METER_SYNC_INTERVAL_SECONDS: '1e3',
      METER_SYNC_READINGS_KEY: 'id,id',
      METER_SYNC_METERS_TABLE: 'a.b.c',
      METER_SYNC_CONFIG: join(folder, 'nowhere.json'),
    },
  });
  expect(problems.map(({ setting }) => setting).sort()).toEqual([
    'METER_SYNC_BATCH_ROWS',
    'METER_SYNC_CONFIG',
    'METER_SYNC_INTERVAL_SECONDS',
    'METER_SYNC_METERS_TABLE',
    'METER_SYNC_READINGS_KEY',
    'METER_SYNC_SITE',
    'POSTGRES_CLIENT_HOST',
    'POSTGRES_CLIENT_SSLMODE',
    'POSTGRES_SYNC_PORT',
  ]);
  expect(message).toContain("POSTGRES_SYNC_PORT is 'abc' (environment); expected a whole number from 1 to 65535");
});

test('a side of which nothing is set is a problem, and so is one database on both sides', () => {
  expect(problemsOf({ env: {} }).problems.map(({ setting }) => setting)).toEqual([
    'POSTGRES_SYNC_HOST',
    'POSTGRES_CLIENT_HOST',
  ]);
  const same = { POSTGRES_SYNC_URL: 'postgres://h/db', POSTGRES_CLIENT_URL: 'postgres://other@h:5432/db' };
  expect(problemsOf({ env: same }).message).toContain('a site must not be synchronized with itself');
});

test('an option goes before the environment, and that before the file', () => {
  const path = file('order.json', {
    ...BOTH,
    METER_SYNC_SITE: 'file',
    METER_SYNC_BATCH_ROWS: 7,
    POSTGRES_SYNC_PORT: 1,
  });
  const config = loadConfig({
    options: { METER_SYNC_SITE: 'option' },
    env: { METER_SYNC_CONFIG: path, METER_SYNC_SITE: 'environment', METER_SYNC_BATCH_ROWS: '8' },
  });
  expect(config).toMatchObject({ siteId: 'option', batchRows: 8, local: { port: 1 } });
});

test('an address to listen at is host:port, or a port of loopback; a bad one is told with all else', () => {
  const load = (address: string) =>
    loadConfig({ env: { ...BOTH, METER_SYNC_METRICS_ADDRESS: address } }).metricsAddress;
  expect(load('')).toBeNull();
  expect(load('9464')).toEqual({ host: '127.0.0.1', port: 9464 });
  expect(load('0.0.0.0:9464')).toEqual({ host: '0.0.0.0', port: 9464 });
  expect(load('[::1]:9464')).toEqual({ host: '::1', port: 9464 });
  expect(load('worker-1.example.com:80')).toEqual({ host: 'worker-1.example.com', port: 80 });
  for (const bad of ['0', '65536', 'host', 'host:', ':9464', '::1:9464', '[a]:1', 'http://x:1', 'a b:1', '1.5']) {
    expect(() => load(bad), bad).toThrow('METER_SYNC_METRICS_ADDRESS');
  }
  const both = { METER_SYNC_METRICS_ADDRESS: '9464', METER_SYNC_HEALTH_ADDRESS: '127.0.0.1:9464' };
  expect(problemsOf({ env: { ...BOTH, ...both, METER_SYNC_BATCH_ROWS: '0' } }).problems).toMatchObject([
    { setting: 'METER_SYNC_BATCH_ROWS' },
  ]);
  expect(problemsOf({ env: { ...BOTH, ...both } }).problems).toMatchObject([
    { setting: 'METER_SYNC_HEALTH_ADDRESS', wanted: 'a port of its own' },
  ]);
});

test('an empty value counts as none, but an empty flag means that there is no flag', () => {
  const config = loadConfig({ env: { ...BOTH, POSTGRES_SYNC_PORT: '', METER_SYNC_READINGS_FLAG: '' } });
  expect(config.local.port).toBe(5432);
  expect(config.tables.readings.flag).toBeNull();
});

test('a time zone is one that PostgreSQL and everybody else read alike', () => {
  const load = (zone: string) => loadConfig({ env: { ...BOTH, METER_SYNC_READINGS_TIME_ZONE: zone } });
  for (const zone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5']) {
    expect(load(zone).tables.readings.timeZone).toBe(zone);
  }
  // Bare names are abbreviations without summer time for PostgreSQL, and it reads the sign of an offset the other way round.
  for (const zone of ['CET', 'EST', '+01:00', 'Europe/Atlantis', 'Berlin', '../etc/passwd']) {
    expect(() => load(zone)).toThrow('METER_SYNC_READINGS_TIME_ZONE');
  }
});

test('columns that may round are a list without a column of the key', () => {
  const load = (columns: string) =>
    loadConfig({ env: { ...BOTH, METER_SYNC_READINGS_ALLOW_ROUNDING: columns } }).tables.readings.mayRound;
  expect(load('value, "my ""column"", b"')).toEqual(['value', 'my "column", b']);
  expect(load('')).toBeUndefined();
  expect(() => load('value,id')).toThrow('two readings could become one (id)');
});

test('columns that stay at the site are a list without a column of the key or the order', () => {
  const load = (columns: string) =>
    loadConfig({ env: { ...BOTH, METER_SYNC_READINGS_EXCEPT: columns } }).tables.readings.except;
  expect(load('note, "my ""column"", b"')).toEqual(['note', 'my "column", b']);
  expect(load('')).toBeUndefined();
  expect(() => load('note,id,created_at')).toThrow('the remote needs them (id, created_at)');
  const path = file('except.json', [{ site: 'north', METER_SYNC_READINGS_EXCEPT: 'note' }, { site: 'south' }]);
  const sites = loadSites({ env: { ...BOTH, METER_SYNC_SITES_FILE: path, METER_SYNC_READINGS_EXCEPT: 'memo' } });
  expect(sites.map(({ tables }) => tables.readings.except)).toEqual([['note'], ['memo']]);
});

test('a name that nobody knows in a file is a problem, with the place', () => {
  const path = file('unknown.json', { ...BOTH, METER_SYNC_SITTE: 'x' });
  const { problems } = problemsOf({ env: { METER_SYNC_CONFIG: path } });
  expect(problems).toMatchObject([{ setting: 'METER_SYNC_SITTE', where: path }]);
});

test('a password is never shown: not in the config, not in a problem', () => {
  const secret = 'hunter2/#secret';
  const env = {
    ...BOTH,
    POSTGRES_SYNC_PASSWORD: secret,
    POSTGRES_CLIENT_URL: `postgres://u:${encodeURIComponent(secret)}@h/db`,
    TEMPORAL_API_KEY: secret,
  };
  const config = loadConfig({ env });
  const printed = inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config) + String(config.temporal);
  expect(printed).not.toContain('hunter2');
  expect(printed).toContain('(set, hidden)');
  expect(config.temporal.reveal()).toMatchObject({ TEMPORAL_API_KEY: secret });
  const wrong = problemsOf({ env: { ...env, POSTGRES_CLIENT_URL: `postgres://u:${secret}@h/db?x=1` } });
  expect(inspect(wrong, { depth: 9 })).not.toContain('hunter2');
  expect(wrong.problems[0]).toMatchObject({ setting: 'POSTGRES_CLIENT_URL', found: '(set, hidden)' });
});

test('a password of any characters arrives as it is, alone and percent-encoded in a URL', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1, unit: 'grapheme' }), async (password) => {
      const url = `postgresql://u:${encodeURIComponent(password)}@customer/db`;
      const { local, remote } = loadConfig({
        env: { POSTGRES_SYNC_HOST: 'site', POSTGRES_SYNC_PASSWORD: password, POSTGRES_CLIENT_URL: url },
      });
      expect([await local.password(), await remote.password()]).toEqual([password, password]);
    }),
  );
});

test('no value of any setting breaks the loader: it answers or tells problems', () => {
  const names = ['POSTGRES_SYNC_URL', 'POSTGRES_SYNC_HOST', 'POSTGRES_SYNC_PORT', 'METER_SYNC_READINGS_TABLE'];
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom('__proto__', '\0', '"', '%', '-1'),
  );
  const env = fc.record(Object.fromEntries(names.map((name) => [name, hostile])), { requiredKeys: [] });
  fc.assert(
    fc.property(env, (values) => {
      try {
        loadConfig({ env: { ...BOTH, ...values } });
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigProblems);
      }
    }),
  );
});

test('a password file is read anew for each connection, without its line end', async () => {
  const path = file('password', ' first \n');
  const { local } = loadConfig({ env: { ...BOTH, POSTGRES_SYNC_PASSWORD_FILE: path } });
  expect(await local.password()).toBe(' first ');
  file('password', 'second\r\n');
  expect(await local.password()).toBe('second');
  const both = problemsOf({ env: { ...BOTH, POSTGRES_SYNC_PASSWORD_FILE: path, POSTGRES_SYNC_PASSWORD: 'x' } });
  expect(both.message).toContain('one of the two');
});

test('a single setting goes before the same part of a URL', () => {
  const { local } = loadConfig({
    env: {
      ...BOTH,
      POSTGRES_SYNC_HOST: '',
      POSTGRES_SYNC_URL: 'postgres://u@[::1]:1/d?sslmode=disable',
      POSTGRES_SYNC_PORT: '2',
    },
  });
  expect(local).toMatchObject({ host: '::1', port: 2, user: 'u', database: 'd', tls: { mode: 'disable' } });
});

test('the folder of a Unix socket is a host, and has no TLS', () => {
  const url = 'postgresql:///db?host=/var/run/postgresql';
  const { local } = loadConfig({ env: { POSTGRES_SYNC_URL: url, POSTGRES_CLIENT_HOST: 'h' } });
  expect(local).toMatchObject({ host: '/var/run/postgresql', database: 'db', tls: { mode: 'disable' } });
});

test('TLS files must be there, and a mode that verifies needs authorities', () => {
  const env = { ...BOTH, POSTGRES_CLIENT_SSLMODE: 'verify-full', POSTGRES_SYNC_SSLCERT: join(folder, 'none.pem') };
  expect(problemsOf({ env }).problems.map(({ setting }) => setting)).toEqual([
    'POSTGRES_SYNC_SSLCERT',
    'POSTGRES_SYNC_SSLKEY',
    'POSTGRES_CLIENT_SSLROOTCERT',
  ]);
});

test.each([
  ['disable', false, false],
  ['prefer', true, false],
  ['require', false, false],
  ['verify-full', false, true],
])('sslmode %s becomes the driver settings that mean the same', async (mode, isTlsOptional, rejectUnauthorized) => {
  const rootCert = mode === 'verify-full' ? { POSTGRES_SYNC_SSLROOTCERT: 'system' } : {};
  const { local } = loadConfig({ env: { ...BOTH, ...rootCert, POSTGRES_SYNC_SSLMODE: mode } });
  const { ssl, ...settings } = toPoolSettings(local, { applicationName: 'test', maxConnections: 1 });
  expect(settings.isTlsOptional).toBe(isTlsOptional);
  expect(ssl === false ? mode : await ssl()).toEqual(
    mode === 'disable' ? mode : expect.objectContaining({ rejectUnauthorized }),
  );
});

test('a tenant narrows meters and tenants, and wants a key of one column', () => {
  const { tables } = loadConfig({ env: { ...BOTH, METER_SYNC_TENANT: '5', METER_SYNC_METERS_TENANT_COLUMN: 'owner' } });
  expect(tables.meters.filter).toEqual({ column: 'owner', values: ['5'] });
  expect(tables.tenants.filter).toEqual({ column: 'id', values: ['5'] });
  const { problems } = problemsOf({ env: { ...BOTH, METER_SYNC_TENANT: '5', METER_SYNC_TENANTS_KEY: 'a,b' } });
  expect(problems[0]?.setting).toBe('METER_SYNC_TENANTS_KEY');
});

test('what the settings of the tables say against each other is told at once', () => {
  const env = {
    ...BOTH,
    METER_SYNC_TENANT: '5',
    METER_SYNC_TENANTS_KEY: 'a,b',
    METER_SYNC_READINGS_ALLOW_ROUNDING: 'id',
    METER_SYNC_READINGS_EXCEPT: 'note,created_at',
    METER_SYNC_TENANTS_TABLE: 'other.meter',
    METER_SYNC_TABLES: '[{ "table": "tariff" }]',
  };
  expect(problemsOf({ env }).problems.map(({ setting, found }) => [setting, found])).toEqual([
    ['METER_SYNC_TENANTS_KEY', `'a,b'`],
    ['METER_SYNC_READINGS_ALLOW_ROUNDING', `'id'`],
    ['METER_SYNC_READINGS_EXCEPT', `'note,created_at'`],
    ['METER_SYNC_TABLES', 'no key for tariff'],
    ['METER_SYNC_TABLES', 'meter and other.meter'],
  ]);
});

test('each site of a sites file has its own settings, before the environment, on one task queue', () => {
  const path = file('sites.json', [
    { site: 'north', POSTGRES_SYNC_HOST: 'n' },
    { site: 'south', POSTGRES_SYNC_HOST: 's', METER_SYNC_TASK_QUEUE: 'own' },
  ]);
  const env = { ...BOTH, METER_SYNC_SITES_FILE: path };
  const sites = loadSites({ env });
  expect(sites.map(({ siteId, taskQueue, local }) => [siteId, taskQueue, local.host])).toEqual([
    ['north', 'meter-sync', 'n'],
    ['south', 'own', 's'],
  ]);
  const south = { options: { METER_SYNC_SITE: 'south' }, env };
  expect(loadSiteConfig(south)).toMatchObject({ siteId: 'south', taskQueue: 'own' });
  expect(problemsOf({ env: { ...env, METER_SYNC_SITE: 'east' } }).message).toContain('north, south');
});

test('a sites file tells every problem of every site', () => {
  const path = file('bad-sites.json', [
    { site: 'a', POSTGRES_SYNC_PORT: 'x' },
    { site: 'a' },
    { name: 'b' },
    { site: 'c d', POSTGRES_SYNC_PASSWORD: { not: 'text' } },
    7,
  ]);
  const { problems, message } = problemsOf({ env: { ...BOTH, METER_SYNC_SITES_FILE: path } }, loadSites);
  expect(problems).toHaveLength(6);
  expect(message).toContain('site a');
});

test('a file that is not JSON is told with line and column, and without its content', () => {
  const path = file('broken.json', '{\n  "POSTGRES_SYNC_PASSWORD": "hunter2",\n}');
  const problem = problemsOf({ env: { ...BOTH, METER_SYNC_CONFIG: path } });
  expect(problem.message).toContain('which is not JSON from line 3, column 1 on');
  expect(inspect(problem, { depth: 9 })).not.toContain('hunter2');
});

test('a file that this user may not read is told as such', () => {
  const path = file('closed.json', {});
  chmodSync(path, 0o000);
  const message = process.getuid?.() === 0 ? null : problemsOf({ env: { ...BOTH, METER_SYNC_CONFIG: path } }).message;
  if (message !== null) expect(message).toContain('not readable for this user');
});

test('what the settings allow, the workflow takes', () => {
  for (const [seconds, rows] of [
    ['0.1', '1'],
    ['86400', '1000000'],
  ]) {
    const env = { METER_SYNC_INTERVAL_SECONDS: seconds, METER_SYNC_BATCH_ROWS: rows };
    const { siteId, intervalMs, batchRows } = loadSiteConfig({ env });
    expect(findInputProblems({ siteId, intervalMs, batchRows })).toEqual([]);
  }
});

test('a URL that cannot be read leaves its side without settings, rather than with those of another database', () => {
  const env = { POSTGRES_SYNC_URL: 'mysql://site', POSTGRES_CLIENT_HOST: 'customer' };
  const [inspected] = inspectSites({ env }, false);
  expect(inspected?.problems.map(({ setting }) => setting)).toEqual(['POSTGRES_SYNC_URL']);
  expect(inspected?.local).toBeNull();
  expect(inspected?.remote).toMatchObject({ host: 'customer' });
});

test('several tenants stand with commas between them', () => {
  const { tables } = loadConfig({ env: { ...BOTH, METER_SYNC_TENANT: '5, 7,"a,b"' } });
  expect(tables.meters.filter).toEqual({ column: 'tenant_id', values: ['5', '7', 'a,b'] });
});

test('a settings file names further tables, and rules of the meters', () => {
  const path = file('tables.json', {
    METER_SYNC_TENANT: 5,
    METER_SYNC_TABLES: [
      { table: 'meter', gone: { column: 'state', value: 'gone' }, secret: ['pin'] },
      {
        table: 'metering.element',
        key: ['meter id', 'no'],
        except: ['note'],
        filter: { column: 'tenant_id', values: [5, 'x'] },
        gone: 'delete',
      },
    ],
  });
  const { tables } = loadConfig({ env: { ...BOTH, METER_SYNC_CONFIG: path } });
  expect(tables.meters).toEqual({
    table: { schema: null, name: 'meter' },
    key: ['id'],
    filter: { column: 'tenant_id', values: ['5'] },
    gone: { rule: 'deactivate', column: 'state', value: 'gone', present: null },
    secret: ['pin'],
  });
  expect(tables.further).toEqual([
    {
      table: { schema: 'metering', name: 'element' },
      key: ['meter id', 'no'],
      filter: { column: 'tenant_id', values: ['5', 'x'] },
      except: ['note'],
      gone: { rule: 'delete' },
    },
  ]);
});

test.each([
  '{}',
  '[{"table": "a.b.c", "key": ["id"]}]',
  '[{"table": "x"}]',
  '[{"table": "x", "key": ["a"], "other": 1}]',
  'x',
  '[{"table": "x", "key": ["a"], "filter": { "column": "t", "values": [9007199254740993] } }]',
  '[{"table": "public.meter", "key": ["id"], "secret": ["pin"] }]',
  '[{"table": "x", "key": ["a"] }, { "table": "public.x", "key": ["a"] }]',
])('tables that say %s are a problem', (METER_SYNC_TABLES) => {
  const { problems } = problemsOf({ env: { ...BOTH, METER_SYNC_TABLES } });
  expect(problems[0]?.setting).toBe('METER_SYNC_TABLES');
});

test('a number of a file that is another one for this program is a problem, and not another tenant', () => {
  expect(toValues({ METER_SYNC_TENANT: 7 }, 'file', () => undefined)).toEqual({ METER_SYNC_TENANT: '7' });
  const problems: unknown[] = [];
  const fields = JSON.parse('{"METER_SYNC_TENANT": 9007199254740993}') as object;
  expect(toValues(fields, 'file', (problem) => problems.push(problem))).toEqual({});
  expect(problems).toMatchObject([{ setting: 'METER_SYNC_TENANT', found: 'a number beyond 2^53' }]);
});

test('meters and tenants of one table are a problem', () => {
  const { problems } = problemsOf({ env: { ...BOTH, METER_SYNC_TENANTS_TABLE: 'meter' } });
  expect(problems.map(({ wanted }) => wanted)).toContain('each table once, and its schema everywhere or nowhere');
});
