import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { findFreePort } from '../../src/dev/stack/process/free-port.js';
import { until } from '../support/wait.js';
import { openWatchedSite } from '../worker/watched-site.js';

const ops = (path: string): string => fileURLToPath(new URL(`../../ops/${path}`, import.meta.url));

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');

/** A series of the last minute, as far as the test looks at it. */
interface Series {
  readonly values: readonly (readonly [number, string])[];
}

interface Prometheus {
  /** True when an instant query has an answer now. */
  readonly holds: (expr: string) => Promise<boolean>;
  /** True when a query over the last minute has a number, as a panel would show it. */
  readonly hasData: (expr: string) => Promise<boolean>;
  readonly alerts: () => Promise<readonly { readonly labels: Readonly<Record<string, string>> }[]>;
}

/** Debian's Prometheus with our alert rules, which scrapes a worker every second. */
async function startPrometheus(target: string): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'meter-sync-prometheus-'));
  const ours = readFileSync(ops('prometheus/prometheus.yml'), 'utf8')
    .replaceAll('15s', '1s')
    .replace('alerts.yml', ops('prometheus/alerts.yml'))
    .replace('worker:9464', target);
  writeFileSync(join(folder, 'prometheus.yml'), ours);
  const address = `127.0.0.1:${await findFreePort()}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=${address}`,
      '--log.level=error',
    ],
    { stdio: 'inherit' },
  );
  onTestFinished(async () => {
    const ended = new Promise((end) => child.once('close', end));
    if (child.kill('SIGKILL')) await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://${address}/api/v1/${path}`);
    const body = (await response.json()) as { status: string; error?: string; data: unknown };
    if (body.status !== 'success') throw new Error(`${path}: ${body.error}`);
    return body.data;
  };
  const isReady = async (): Promise<boolean> => (await fetch(`http://${address}/-/ready`)).ok;
  await until(isReady, { what: 'Prometheus' });
  return {
    holds: async (expr) =>
      ((await ask(`query?query=${encodeURIComponent(expr)}`)) as { result: readonly unknown[] }).result.length > 0,
    hasData: async (expr) => {
      const now = Date.now() / 1_000;
      const path = `query_range?query=${encodeURIComponent(expr)}&start=${now - 60}&end=${now}&step=1`;
      const { result } = (await ask(path)) as { result: readonly Series[] };
      return result.some(({ values }) => values.some(([, value]) => value !== 'NaN'));
    },
    alerts: async () => ((await ask('alerts')) as { alerts: Awaited<ReturnType<Prometheus['alerts']>> }).alerts,
  };
}

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}

/** Every query of the dashboard, as Grafana would ask it of all sites. */
function listQueries(): readonly { readonly title: string; readonly expr: string }[] {
  const { panels } = JSON.parse(readFileSync(ops('grafana/dashboards/meter-sync.json'), 'utf8')) as { panels: Panel[] };
  return panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr.replaceAll('$site', '.*').replaceAll('$__rate_interval', '30s'),
    })),
  );
}

/** Why there is no Prometheus here; null: there is one. `.ci/run` installs it, and lets nothing be skipped. */
const NO_PROMETHEUS =
  spawnSync('prometheus', ['--version']).error === undefined
    ? null
    : 'Prometheus is not here: apt-get install prometheus';

const ofDashboard =
  'no panel of the dashboard is without data, and an alert is raised, when a real Prometheus scrapes a real worker';

test(NO_PROMETHEUS === null ? ofDashboard : `${ofDashboard} (${NO_PROMETHEUS})`, async (context) => {
  context.skip(NO_PROMETHEUS !== null, NO_PROMETHEUS ?? '');
  const { local, remote, temporal, worker, metricsAddress, start } = await openWatchedSite(context);
  const { holds, hasData, alerts } = await startPrometheus(metricsAddress);
  await worker.line('worker started');
  await start();
  const site = `site="${temporal.siteId}"`;
  await until(() => holds(`meter_sync_verdict{${site},verdict="healthy"} == 1`), { what: 'a healthy site' });
  await local.sql(`insert into meter_readings (meter_id, created_at) values (1, now() - interval '2 hours')`);
  await until(() => holds(`meter_sync_uploaded_readings_total{${site}} == 6`), { what: 'one more reading' });
  await remote.sql('alter table meter_readings rename to elsewhere');
  await local.sql(`insert into meter_readings (meter_id, created_at) values (1, now() - interval '2 hours')`);
  await until(() => holds(`meter_sync_verdict{${site},verdict="stuck"} == 1`), { what: 'a site that is stuck' });

  const queries = listQueries();
  expect(queries.length).toBeGreaterThan(15);
  const findEmpty = async (): Promise<readonly unknown[]> => {
    const asked = await Promise.all(queries.map(async (panel) => ({ ...panel, hasData: await hasData(panel.expr) })));
    return asked.filter((panel) => !panel.hasData);
  };
  const isFull = async (): Promise<boolean> => (await findEmpty()).length === 0;
  await until(isFull, { what: 'data in all panels', timeoutMs: 15_000, everyMs: 500 }).catch(() => undefined);
  expect(await findEmpty()).toEqual([]);
  const raised = async (name: string): Promise<boolean> =>
    (await alerts()).some(({ labels }) => labels['alertname'] === name && labels['site'] === temporal.siteId);
  await until(() => raised('MeterSyncStuck'), { what: 'the alert MeterSyncStuck' });

  const exposition = await (await fetch(`http://${metricsAddress}/metrics`)).text();
  expect(findUnknownNames(exposition)).toEqual([]);
  const made = [...exposition.matchAll(/^# TYPE (meter_sync_\S+)/gm)].map(([, name = '']) => name);
  expect(made.filter((name) => !page.includes(`\`${name}`))).toEqual([]);
  worker.signal('SIGTERM');
  expect(await worker.exited()).toBe(0);
});

/** Names of ours that rules, their tests or the dashboard use, and that a worker does not have. */
function findUnknownNames(exposition: string): readonly string[] {
  const made = new Set([...exposition.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  const used = ['prometheus/alerts.yml', 'prometheus/alerts.test.yml', 'grafana/dashboards/meter-sync.json'].flatMap(
    (path) => [...readFileSync(ops(path), 'utf8').matchAll(/\bmeter_sync_[a-z_]+/g)].map(([name]) => name),
  );
  const isMade = (name: string): boolean => made.has(name) || made.has(name.replace(/_(?:bucket|sum|count)$/, ''));
  return [...new Set(used)].filter((name) => !isMade(name));
}
