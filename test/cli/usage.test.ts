import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { parseCommandLine } from '../../src/cli/program.js';
import { runCli } from './run-cli.js';

test.each(COMMANDS.map(({ name }) => [name]))('%s --help shows an example, --json and --site', (name) => {
  const parsed = parseCommandLine([name, '--help'], '1.0.0');
  const text = parsed.is === 'text' ? parsed.text : '';
  expect(text).toContain(`$ `);
  for (const expected of ['Example', `meter-sync ${name}`, '--json', '--site']) expect(text).toContain(expected);
});

test('each command has the name and the place that the documentation gives it', () => {
  const names = [
    'demo',
    'dev',
    'check',
    'config',
    'init',
    'worker',
    'start',
    'status',
    'watch',
    'pause',
    'resume',
    'sync-now',
    'configure',
    'move',
    'stop',
    'downloads',
    'quarantine',
    'verify',
    'custody',
    'resend',
    'adopt',
  ];
  expect(COMMANDS.map(({ name }) => name)).toEqual(names);
});

test('configure --help names no default, since only what is given is changed', () => {
  const parsed = parseCommandLine(['configure', '--help'], '1.0.0');
  expect(parsed.is === 'text' ? parsed.text : '').not.toMatch(/default: (60|50000)/);
});

test('options that stand for settings go to the settings by name', () => {
  const parsed = parseCommandLine(['start', '--site', 'a', '--interval-seconds', '5', '--address', 'h:1'], '1.0.0');
  expect(parsed).toMatchObject({
    is: 'command',
    chosen: { settings: { METER_SYNC_SITE: 'a', METER_SYNC_INTERVAL_SECONDS: '5', TEMPORAL_ADDRESS: 'h:1' } },
  });
});

test('an unknown option and an unknown command end with 2 and a suggestion', async () => {
  const [option, command] = await Promise.all([runCli(['start', '--sitte', 'a']), runCli(['statsu'])]);
  expect(option).toMatchObject({ exitCode: 2, stdout: '' });
  expect(option.stderr).toContain("unknown option '--sitte'; did you mean --site?");
  expect(option.stderr).toContain('next:  meter-sync start --help');
  expect(command.exitCode).toBe(2);
  expect(command.stderr).toContain("unknown command 'statsu'; did you mean status?");
  const action = await runCli(['quarantine', 'lst']);
  expect(action.stderr).toContain("unknown action 'lst'; did you mean list?");
});

test('bad usage in JSON mode is one document', async () => {
  const run = await runCli(['dev', '--empty', '--readings', 'x', '--json']);
  expect(run.exitCode).toBe(2);
  expect(run.json()).toMatchObject({ ok: false, error: { code: 'usage', next: 'meter-sync dev --help' } });
});

test('config show tells each setting in force and where it comes from, and no secret, in text and JSON', async () => {
  const settings = {
    METER_SYNC_SITE: 'north',
    POSTGRES_SYNC_URL: 'postgres://u:hunter2@h:5433/db?sslmode=require',
    POSTGRES_CLIENT_HOST: 'far',
    POSTGRES_CLIENT_PASSWORD: 'hunter2',
    TEMPORAL_API_KEY: 'hunter2',
    TEMPORAL_GRPC_META_TOKEN: 'hunter2',
    TEMPORAL_ADDRESS: 'temporal:7233',
  };
  const args = ['config', 'show', '--namespace', 'plants'];
  const [text, json] = await Promise.all([runCli(args, settings), runCli([...args, '--all', '--json'], settings)]);
  expect(text.exitCode).toBe(0);
  for (const line of [
    /^POSTGRES_SYNC_URL +\(set, hidden\) +environment$/m,
    /^POSTGRES_SYNC_PORT +5433 +from POSTGRES_SYNC_URL$/m,
    /^POSTGRES_CLIENT_PORT +5432 +default$/m,
    /^METER_SYNC_TASK_QUEUE +meter-sync:north +default$/m,
    /^METER_SYNC_INTERVAL_SECONDS +60 +default$/m,
    /^TEMPORAL_API_KEY +\(set, hidden\) +environment$/m,
    /^TEMPORAL_NAMESPACE +plants +option --namespace$/m,
  ])
    expect(text.stdout).toMatch(line);
  const { sites } = json.json() as {
    sites: [{ settings: { setting: string; value: string | null; where: string }[] }];
  };
  expect(sites[0].settings).toContainEqual({ setting: 'POSTGRES_CLIENT_URL', value: null, where: 'not set' });
  expect(text.stdout + text.stderr + json.stdout).not.toContain('hunter2');
});

test('all bad settings are told at once, without a secret and without a stack trace', async () => {
  const settings = {
    METER_SYNC_SITE: 'a b',
    POSTGRES_SYNC_PORT: 'abc',
    POSTGRES_CLIENT_URL: 'postgres://u:hunter2@h:port/db',
    METER_SYNC_BATCH_ROWS: '0',
  };
  const [text, json] = await Promise.all([runCli(['worker'], settings), runCli(['worker', '--json'], settings)]);
  expect(text.exitCode).toBe(2);
  for (const name of Object.keys(settings)) expect(text.stderr).toContain(`${name} is `);
  expect(text.stderr).not.toMatch(/hunter2|\n {4}at /);
  expect(json.json()).toMatchObject({ ok: false, error: { code: 'settings', problems: { length: 4 } } });
  expect(json.stdout).not.toContain('hunter2');
});

test('a Temporal that is not there is told within seconds, with its address and the way on', async () => {
  const [text, json] = await Promise.all([
    runCli(['status', '--address', '127.0.0.1:1']),
    runCli(['stop', '--json'], { TEMPORAL_ADDRESS: '127.0.0.1:1' }),
  ]);
  expect(text.exitCode).toBe(1);
  expect(text.stderr).toContain('127.0.0.1:1');
  expect(text.tookMs).toBeLessThan(15_000);
  expect(json.json()).toMatchObject({ ok: false, error: { code: 'unreachable', address: '127.0.0.1:1' } });
});

test('a probe that cannot look is one line and exit code 3: without Temporal, with bad settings and bad usage', async () => {
  const runs = await Promise.all([
    runCli(['status', '--probe', '--site', 'north', '--address', '127.0.0.1:1']),
    runCli(['status', '--probe', '--site', 'a b']),
    runCli(['status', '--probe', '--max-lag', 'soon', '--site', 'north']),
  ]);
  for (const run of runs) {
    expect(run.exitCode).toBe(3);
    expect(run.stdout).toMatch(/^METER_SYNC UNKNOWN - [^\n]+\n$/);
  }
});

test('a worker of a sites file refuses to serve one site of it: the task queue is shared', async () => {
  const run = await runCli(['worker', '--site', 'a', '--json'], { METER_SYNC_SITES_FILE: 'sites.json' });
  expect(run.exitCode).toBe(2);
  expect(run.json()).toMatchObject({ error: { code: 'settings', problems: [{ setting: 'METER_SYNC_SITE' }] } });
});

test('a stack trace is shown when it is asked for', async () => {
  const [option, setting] = await Promise.all([
    runCli(['start', '--site', 'a b', '--debug']),
    runCli(['start', '--site', 'a b'], { METER_SYNC_DEBUG: '1' }),
  ]);
  for (const run of [option, setting]) expect(run.stderr).toMatch(/\n {4}at /);
});

test('init --print needs no settings and no server', async () => {
  const run = await runCli(['init', '--print', '--json']);
  expect(run.exitCode).toBe(0);
  expect(run.json()).toMatchObject({ ok: true, sql: { local: expect.stringContaining('upload_state') as unknown } });
});

test('the next command of an error is for the site that was named, and for none when its name cannot be one', async () => {
  const bad = { POSTGRES_SYNC_PORT: 'abc' };
  const [option, environment, impossible] = await Promise.all([
    runCli(['worker', '--site', 'north'], { ...bad, METER_SYNC_SITE: 'south' }),
    runCli(['worker', '--json'], { ...bad, METER_SYNC_SITE: 'south' }),
    runCli(['worker'], { ...bad, METER_SYNC_SITE: 'a b' }),
  ]);
  expect(option.stderr).toMatch(/^next: {2}meter-sync check --site north$/m);
  expect(environment.json()).toMatchObject({ error: { next: 'meter-sync check --site south' } });
  expect(impossible.stderr).toMatch(/^next: {2}meter-sync check$/m);
});
