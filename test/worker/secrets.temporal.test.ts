import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { toWorkflowId } from '../../src/model/wire.js';
import { runCli } from '../cli/run-cli.js';
import { WORKER } from '../support/rights.js';
import type { TestDatabase } from '../support/postgres.js';
import { until } from '../support/wait.js';
import { openWatchedSite, type WatchedSite } from './watched-site.js';

/** Everything that is planted; special characters show what is percent-encoded and printed so. */
const SECRETS = {
  urlPassword: 'in-Url/p%40:Xq7',
  filePassword: "in-File ' Yk3",
  wrongPassword: 'Wrong-in-file-Zw9',
  apiKey: 'api-Key-Vb5',
  proxyPassword: 'proxy-Pass-Nm1',
  clientKey: 'client-Key-Data-Rt2',
};

/** Who reads one of these knows the secret. */
const SHAPES: readonly ((secret: string) => string)[] = [
  (secret) => secret,
  encodeURIComponent,
  (secret) => Buffer.from(secret).toString('base64').slice(0, -4),
  (secret) => JSON.stringify(secret).slice(1, -1),
];

test('no secret of any setting is on any surface, while all is well and when a login fails', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'meter-sync-secrets-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, SECRETS.filePassword);
  let settings: Record<string, string> = {};
  const site = await openWatchedSite(context, async ({ local, remote }, siteId) => {
    settings = {
      POSTGRES_SYNC_URL: await makeLogin(local, siteId, SECRETS.urlPassword),
      POSTGRES_CLIENT_URL: withoutPassword(await makeLogin(remote, siteId, SECRETS.filePassword)),
      POSTGRES_CLIENT_PASSWORD_FILE: passwordFile,
      TEMPORAL_API_KEY: SECRETS.apiKey,
      TEMPORAL_TLS: 'false',
      METER_SYNC_LOG_LEVEL: 'debug',
    };
    return settings;
  });
  const { local, remote, temporal, worker } = site;
  await worker.line('worker started');
  const ofTheSite = { ...settings, METER_SYNC_SITE: temporal.siteId, TEMPORAL_ADDRESS: temporal.address };
  expect(await runCli(['start', '--interval-seconds', '1'], ofTheSite)).toMatchObject({ exitCode: 0 });
  const handle = temporal.client.workflow.getHandle(toWorkflowId(temporal.siteId));
  onTestFinished(async () => void (await handle.terminate('the test has ended').catch(() => undefined)));
  await verdictIs(site, 'healthy');
  expect(findSecrets(await collectSurfaces(site, handle, ofTheSite))).toEqual([]);

  writeFileSync(passwordFile, SECRETS.wrongPassword);
  await remote.sql('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [temporal.siteId]);
  await local.sql('insert into meter_readings (meter_id, created_at) values (1, now())');
  await verdictIs(site, 'stuck');
  expect(findSecrets(await collectSurfaces(site, handle, ofTheSite))).toEqual([]);
  expect(findSecrets(await collectRefusals(folder, ofTheSite))).toEqual([]);
  worker.signal('SIGTERM');
  expect(await worker.exited()).toBe(0);
  expect(findSecrets({ 'log at the end': worker.printed() })).toEqual([]);
});

/** A user of this test alone, with the rights of the worker's role; the URL has its password. */
async function makeLogin({ admin, sql, url }: TestDatabase, user: string, password: string): Promise<string> {
  const role = pg.escapeIdentifier(user);
  await sql(`create role ${role} login in role ${WORKER} password ${pg.escapeLiteral(password)}`);
  onTestFinished(async () => {
    const client = new pg.Client({ connectionString: admin.url.replace(/\/[^/]*$/, '/postgres') });
    await client.connect();
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = $1`, [user]);
    await client.query(`drop role ${role}`).finally(() => client.end());
  });
  const parts = new URL(url);
  return `postgresql://${user}:${encodeURIComponent(password)}@${parts.host}${parts.pathname}`;
}

function withoutPassword(url: string): string {
  return url.replace(/:[^:/@]+@/, '@');
}

function verdictIs({ health }: WatchedSite, verdict: string): Promise<unknown> {
  const holds = async (): Promise<boolean> =>
    ((await health('sites')).body['sites'] as { verdict: string }[])[0]?.verdict === verdict;
  return until(holds, { what: `the verdict ${verdict}`, timeoutMs: 30_000 });
}

type Surfaces = Readonly<Record<string, string>>;

/** What shows that a surface was really read, where that is not the site's id. */
const MARKS: Surfaces = { 'Web UI': 'Uploaded in all', '/health/ready': 'polling' };

/** Everything of a site that somebody can read; each has something to say of it. */
async function collectSurfaces(
  site: WatchedSite,
  handle: WorkflowHandle,
  env: Record<string, string>,
): Promise<Surfaces> {
  const { memo, searchAttributes, raw } = await handle.describe();
  const surfaces: Record<string, string> = {
    log: site.worker.printed(),
    history: toText(await handle.fetchHistory()),
    memo: toText(memo),
    'search attributes': toText(searchAttributes),
    'pending activities': toText(raw),
    'Web UI': toText(await handle.query('__temporal_workflow_metadata')),
    '/metrics': await (await fetch(`http://${site.metricsAddress}/metrics`)).text(),
    '/health/sites': toText((await site.health('sites')).body),
    '/health/ready': toText((await site.health('ready')).body),
  };
  const listed = listProcesses(); // those of the commands, too
  for (const [command, text] of await Promise.all(COMMANDS.map((one) => printedBy(one, env)))) surfaces[command] = text;
  const isTold = ([name, text]: [string, string]): boolean => text.includes(MARKS[name] ?? site.temporal.siteId);
  expect(Object.entries(surfaces).filter((surface) => !isTold(surface))).toEqual([]);
  return { ...surfaces, 'process list': await listed };
}

async function printedBy(command: string, env: Record<string, string>): Promise<[string, string]> {
  const { stdout, stderr } = await runCli(command.split(' '), env);
  return [command, stdout + stderr];
}

const COMMANDS = ['status', 'status --json --refresh', 'status --probe', 'check', 'config show --all'];

/** Settings that are refused, each with a secret in it; whoever refuses them must not repeat it. */
async function collectRefusals(folder: string, env: Record<string, string>): Promise<Surfaces> {
  const file = join(folder, 'settings.json');
  const { urlPassword, clientKey, proxyPassword } = SECRETS;
  writeFileSync(file, `{ "POSTGRES_SYNC_PASSWORD": "${urlPassword}", "POSTGRES_SYNC_PASWORD": "${clientKey}" "x" }`);
  const refused: Readonly<Record<string, Record<string, string>>> = {
    'a URL that cannot be read': { POSTGRES_SYNC_URL: `postgresql://u:${urlPassword}@[host:port:5432/site` },
    'a URL with an unknown parameter': {
      POSTGRES_SYNC_URL: `postgresql://u@h/d?passfile=${clientKey}&passwd=${clientKey}`,
    },
    'a URL of another kind': { POSTGRES_SYNC_URL: `mysql://u:${encodeURIComponent(urlPassword)}@h/d` },
    'a password twice': { POSTGRES_CLIENT_PASSWORD: clientKey },
    'a setting with a slip of the pen': { POSTGRES_SYNC_PASWORD: clientKey },
    'a file that is no JSON': { METER_SYNC_CONFIG: file },
    'a key that is none': {
      TEMPORAL_TLS: 'true',
      TEMPORAL_TLS_CLIENT_KEY_DATA: clientKey,
      TEMPORAL_TLS_CLIENT_CERT_DATA: 'cert',
    },
    'a proxy that is not there': { grpc_proxy: `http://user:${proxyPassword}@127.0.0.1:1` },
  };
  const runs = Object.entries(refused).map(async ([what, settings]): Promise<[string, string]> => {
    const asks = 'grpc_proxy' in settings || 'TEMPORAL_TLS' in settings; // the others are refused before anybody is asked
    const [command, text] = await printedBy(asks ? 'status' : 'config show', { ...env, ...settings });
    return [`${command} with ${what}`, text];
  });
  return Object.fromEntries(await Promise.all(runs));
}

/** The command lines of all processes, as any user of the machine can list them. */
async function listProcesses(): Promise<string> {
  const lines = new Set<string>();
  for (let look = 0; look < 20; look += 1) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        lines.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
      } catch {
        // it has ended meanwhile
      }
    }
    await new Promise((resume) => setTimeout(resume, 50));
  }
  return [...lines].join('\n');
}

/** An object as text, what Temporal has in bytes read as such. */
function toText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Uint8Array) return Buffer.from(part).toString('utf8');
    if (typeof part === 'object' && part !== null && (part as { type?: unknown }).type === 'Buffer')
      return Buffer.from((part as { data: number[] }).data).toString('utf8');
    return typeof part === 'bigint' ? String(part) : part;
  });
}

/** Which secret is where. */
function findSecrets(surfaces: Surfaces): readonly string[] {
  return Object.entries(surfaces).flatMap(([surface, text]) =>
    Object.entries(SECRETS)
      .filter(([, secret]) => SHAPES.some((shape) => text.includes(shape(secret))))
      .map(([secret]) => `${secret} in ${surface}`),
  );
}
