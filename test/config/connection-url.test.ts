import { expect, test } from 'vitest';
import { inspectSites, loadConfig } from '../../src/config/load.js';
import type { ConnectionSettings } from '../../src/config/read/read-connection.js';

const load = (url: string): ConnectionSettings =>
  loadConfig({ env: { POSTGRES_SYNC_HOST: 'site', POSTGRES_CLIENT_URL: url } }).remote;
/** What is told of a URL that is not taken: `found; wanted`. */
const problemsOf = (url: string): string[] =>
  inspectSites({ env: { POSTGRES_SYNC_HOST: 'site', POSTGRES_CLIENT_URL: url } }, true).flatMap(({ problems }) =>
    problems.map(({ setting, found, wanted }) => `${setting} ${found}; ${wanted}`),
  );

test.each([
  ['postgresql://u:p@h:5432/db?sslmode=require&channel_binding=require', { needsChannelBinding: true }],
  ['postgres://u:p@[::1]:5432/db', { host: '::1', port: 5432 }],
  ['postgresql://u:p%40ss@h/db', { host: 'h', user: 'u' }],
  ['postgresql://u:p@ss@h/db', { host: 'h', user: 'u' }],
  ['postgresql:///db?host=/var/run/postgresql', { host: '/var/run/postgresql', database: 'db' }],
  ['postgresql://u@%2Fvar%2Frun%2Fpostgresql/db', { host: '/var/run/postgresql', user: 'u' }],
  [
    'postgresql://u:p@h/db?sslmode=require \n',
    { host: 'h', tls: expect.objectContaining({ mode: 'require' }) as unknown },
  ],
  ['postgresql://u:p@h/db?options=-c%20search_path%3Dmetering', { options: '-c search_path=metering' }],
  ['postgresql://u:p@h/db?target_session_attrs=primary', { moreHosts: [], sessionAttrs: 'primary' }],
  [
    'postgresql://u:p@h/db?sslmode=require&sslnegotiation=direct',
    { tls: expect.objectContaining({ isDirect: true }) as unknown },
  ],
  [
    'postgresql://u:p@h1,h2/db',
    { host: 'h1', port: 5432, moreHosts: [{ host: 'h2', port: 5432 }], sessionAttrs: 'read-write' },
  ],
  [
    'postgresql://u:p@h1:1,[::2]:2,h3/db?target_session_attrs=any',
    {
      host: 'h1',
      port: 1,
      moreHosts: [
        { host: '::2', port: 2 },
        { host: 'h3', port: 5432 },
      ],
      sessionAttrs: 'any',
    },
  ],
])('a URL as providers show it is taken: %s', (url, wanted) => {
  expect(load(url)).toMatchObject({ ...wanted, passedOver: [] });
});

test('several hosts stand in single settings, too, with one port for all or one for each', () => {
  const hosts = (changes: Record<string, string>): unknown => {
    const [site] = inspectSites({ env: { POSTGRES_SYNC_HOST: 'a,b', POSTGRES_CLIENT_HOST: 'c', ...changes } }, true);
    return (
      site?.problems.map(({ setting, found }) => `${setting} ${found}`).join() || [
        site?.local?.port,
        site?.local?.moreHosts,
      ]
    );
  };
  expect(hosts({})).toEqual([5432, [{ host: 'b', port: 5432 }]]);
  expect(hosts({ POSTGRES_SYNC_PORT: '6' })).toEqual([6, [{ host: 'b', port: 6 }]]);
  expect(hosts({ POSTGRES_SYNC_PORT: '6,7' })).toEqual([6, [{ host: 'b', port: 7 }]]);
  expect(hosts({ POSTGRES_SYNC_PORT: '6,7,8' })).toBe('POSTGRES_SYNC_PORT 3 ports for 2 hosts');
  expect(hosts({ POSTGRES_CLIENT_HOST: 'c,b' })).toContain('the same host');
});

test.each([
  'application_name=me',
  'connect_timeout=10',
  'keepalives_idle=60',
  'gssencmode=disable',
  'load_balance_hosts=disable',
])('a parameter that changes nothing is passed over with a word: %s', (parameter) => {
  const { passedOver } = load(`postgresql://u:p@h/db?${parameter}&sslmode=require`);
  expect(passedOver).toEqual([expect.stringMatching(`^${parameter.replace(/=.*/, '')}: `)]);
});

test.each([
  ['postgresql://u:p@h/db?sslpassword=geheim', 'with the parameter sslpassword; a key without a passphrase'],
  ['postgresql://u:p@h/db?service=geheim', 'with the parameter service; the parts of the service'],
  ['postgresql://u:p@h/db?gssencmode=require', 'with the parameter gssencmode;'],
  ['postgresql://u:p@h/db?schema=geheim', 'with the parameter schema; a parameter that docs/settings.md names'],
  ['postgresql://u:p@h/db?geheim%20x=1', 'with the parameter (hidden);'],
  ['postgresql://u:p@h/db?__proto__=1', 'with the parameter __proto__;'],
  ['postgresql://u:p@h/db?target_session_attrs=standby', 'TARGET_SESSION_ATTRS'],
  ['postgresql://u:p@h/db?channel_binding=require', "CHANNEL_BINDING 'require' with SSLMODE prefer"],
  ['postgresql://u:p@h/db?sslnegotiation=direct', "SSLNEGOTIATION 'direct' with SSLMODE prefer"],
  ['postgresql://u:12?geheim=1@h/db', 'postgresql://user:password@host:port/database'],
  ['jdbc:postgresql://h/db?password=geheim', 'postgresql://user:password@host:port/database'],
  ["psql 'postgresql://u:geheim@h/db'", 'postgresql://user:password@host:port/database'],
  ['postgresql://u:p@h:port/db', 'postgresql://user:password@host:port/database'],
])('what cannot be done is named, and never a value: %s', (url, told) => {
  const problems = problemsOf(url);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(told);
  expect(problems[0]).not.toContain('geheim');
});
