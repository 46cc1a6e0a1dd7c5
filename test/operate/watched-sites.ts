import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';
import { ensureSiteKey } from '../../activities/custody/records/site-key.js';
import { findFreePort } from '../../src/dev/stack/process/free-port.js';
import type { Side } from '../../src/model/failures.js';
import { createDatabases, type TestDatabases } from '../support/postgres.js';
import { openProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { connectTemporal, type TestTemporal } from '../support/temporal.js';
import { spawnWorker } from '../worker/worker-process.js';

/** A site of its own databases, each behind a link of its own. */
export interface WatchedSite extends TestDatabases {
  readonly siteId: string;
  readonly links: Readonly<Record<Side, Link>>;
  /** Where its password for the remote is read from. */
  readonly remotePassword: { write(password: string): void; readonly right: string };
  /** A reading that the remote takes. */
  readonly addReading: () => Promise<void>;
}

interface Target {
  readonly host: string;
  readonly port: number;
}

/** A way to a server that can be down. */
export interface Link {
  readonly port: number;
  /** Connections are cut, and refused from now on. */
  readonly down: () => Promise<void>;
  /** @param target another server from now on */
  readonly up: (target?: Target) => Promise<void>;
  /** Nothing passes, and nothing is closed. */
  readonly freeze: () => void;
  readonly thaw: () => void;
}

/** Sites with a failure each, and the one worker that serves them all, as it ships. */
export interface WatchedSites {
  readonly temporal: TestTemporal;
  readonly sites: readonly WatchedSite[];
  /** What the worker, and commands about these sites, have for settings. */
  readonly settings: Readonly<Record<string, string>>;
  /** The way to Temporal, for the worker and the commands. */
  readonly temporalLink: Link;
  readonly worker: ReturnType<typeof spawnWorker>;
  readonly metricsUrl: string;
  readonly healthUrl: string;
}

const INTERVAL_SECONDS = 2;

/** Opens them; their workflows are not started yet. */
export async function openWatchedSites(
  context: Pick<TestContext, 'task'>,
  names: readonly string[],
): Promise<WatchedSites> {
  const temporal = await connectTemporal(context);
  const folder = mkdtempSync(join(tmpdir(), 'meter-sync-matrix-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const sites = await Promise.all(names.map((name) => openSite(context, name, folder)));
  const sitesFile = join(folder, 'sites.json');
  const entries = sites.map(({ siteId, local, remote, links }) => ({
    site: siteId,
    POSTGRES_SYNC_URL: through(local.url, links.local),
    POSTGRES_CLIENT_URL: through(remote.url, links.remote, { password: '' }),
    POSTGRES_CLIENT_PASSWORD_FILE: join(folder, `${siteId}.password`),
  }));
  writeFileSync(sitesFile, JSON.stringify(entries), { mode: 0o600 });
  const temporalLink = await openLink(toTarget(temporal.address));
  const [metricsPort, healthPort] = [await findFreePort(), await findFreePort()];
  const settings = {
    METER_SYNC_SITES_FILE: sitesFile,
    METER_SYNC_TASK_QUEUE: temporal.taskQueue,
    METER_SYNC_INTERVAL_SECONDS: String(INTERVAL_SECONDS),
    METER_SYNC_METRICS_ADDRESS: String(metricsPort),
    METER_SYNC_HEALTH_ADDRESS: String(healthPort),
    METER_SYNC_SHUTDOWN_SECONDS: '5',
    TEMPORAL_ADDRESS: `127.0.0.1:${temporalLink.port}`,
  };
  const worker = spawnWorker(settings);
  const [metricsUrl, healthUrl] = [
    `http://127.0.0.1:${metricsPort}/metrics`,
    `http://127.0.0.1:${healthPort}/health/sites`,
  ];
  return { temporal, temporalLink, sites, settings, worker, metricsUrl, healthUrl };
}

async function openSite(context: Pick<TestContext, 'task'>, name: string, folder: string): Promise<WatchedSite> {
  const { local, remote } = await createDatabases(context);
  const siteId = `${name.replaceAll(/[^a-z]+/g, '-')}-${randomBytes(3).toString('hex')}`;
  await Promise.all([
    ensureSiteKey(local, siteId),
    remote.sql(`
      insert into tenant (id, name) values (1, 'one');
      insert into meter (id, name, tenant_id) select n, 'm' || n, 1 from generate_series(1, 20) n`),
  ]);
  const links = { local: await openLink(local.settings), remote: await openLink(remote.settings) };
  const right = decodeURIComponent(new URL(remote.url).password);
  const write = (password: string): void =>
    writeFileSync(join(folder, `${siteId}.password`), password, { mode: 0o600 });
  write(right);
  const addReading = async (): Promise<void> =>
    void (await local.sql('insert into meter_readings (meter_id, created_at) values (1, now())'));
  await addReading();
  return { siteId, local, remote, links, remotePassword: { write, right }, addReading };
}

/** Closed with the test. */
async function openLink(target: Target): Promise<Link> {
  let proxy: TcpProxy | null = await openProxy(target);
  const { port } = proxy;
  const down = async (): Promise<void> => {
    const open = proxy;
    proxy = null;
    await open?.close();
  };
  onTestFinished(down);
  const up: Link['up'] = async (other = target) => void (proxy ??= await openProxy(other, port));
  return { port, down, up, freeze: () => proxy?.freeze(), thaw: () => proxy?.thaw() };
}

/** An address as a target. */
export function toTarget(address: string): Target {
  const [host = '', port] = address.split(':');
  return { host, port: Number(port) };
}

function through(url: string, { port }: Link, changes: Partial<URL> = {}): string {
  return Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port), ...changes }).href;
}
