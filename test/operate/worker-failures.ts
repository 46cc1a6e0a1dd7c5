import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { startTemporal } from '../../src/dev/stack/temporal/temporal-server.js';
import { findTemporalBinary } from '../../src/dev/stack/temporal/temporal-binary.js';
import { SEARCH_ATTRIBUTE_TYPES, toWorkflowId } from '../../src/model/wire.js';
import { until } from '../support/wait.js';
import { spawnWorker } from '../worker/worker-process.js';
import type { Failure } from './failures.js';
import { isHealthy, measure, type Measured, type Seconds } from './suffer.js';
import { type Shown, type Surface, SURFACES, type Surfaces } from './surfaces.js';
import { toTarget, type WatchedSite, type WatchedSites } from './watched-sites.js';

type Named = Pick<Failure, 'name' | 'verdict' | 'card'>;

/** What befalls the worker, or its way to Temporal, in this order. */
export const WORKER_FAILURES: readonly Named[] = [
  { name: 'Temporal down', verdict: 'offline', card: 'offline' },
  { name: 'site on a task queue that this worker does not poll', verdict: 'offline', card: 'offline' },
  { name: 'worker dead', verdict: 'offline', card: 'offline' },
  { name: "Temporal's data lost", verdict: 'stopped', card: 'stopped' },
];

const TOLD_SECONDS = 25;
const OVER_SECONDS = 40; // a worker that starts takes some seconds, and Temporal misses a dead one after ten

/** Brings them about at the one site of these, one after the other. */
export async function sufferAtWorker(sites: WatchedSites, surfaces: Surfaces): Promise<readonly Measured[]> {
  const [site] = sites.sites;
  if (site === undefined) throw new Error('a site is wanted');
  const { run } = surfaces;
  expect(await run(['start', '--site', site.siteId])).toMatchObject({ exitCode: 0 });
  await over(site, surfaces, 90);
  const measured: Measured[] = [];
  const suffers = [temporalDown, otherQueue, workerDead, dataLost];
  for (const [at, { name }] of WORKER_FAILURES.entries()) {
    const { told, mend } = await (suffers[at] as Suffering)(site, sites, surfaces);
    await mend();
    measured.push({
      name,
      told,
      over: await over(
        site,
        surfaces,
        OVER_SECONDS,
        name === "Temporal's data lost" ? ['health', 'metrics'] : SURFACES,
      ),
    });
  }
  return measured;
}

type Suffering = (site: WatchedSite, sites: WatchedSites, surfaces: Surfaces) => Promise<Suffered>;

interface Suffered {
  readonly told: Seconds;
  readonly mend: () => Promise<unknown>;
}

const over = (
  site: WatchedSite,
  surfaces: Surfaces,
  seconds: number,
  knownTo: readonly Surface[] = SURFACES,
): Promise<Seconds> =>
  measure(site, surfaces, { what: 'everybody knows that it is over', seconds, holds: isHealthy, knownTo });

function told(verdict: string, knownTo: readonly Surface[], site: WatchedSite, surfaces: Surfaces): Promise<Seconds> {
  const holds = (shown: Shown): boolean => shown.verdict === verdict;
  return measure(site, surfaces, { what: `${verdict}: all know that can`, seconds: TOLD_SECONDS, holds, knownTo });
}

async function temporalDown(site: WatchedSite, { temporalLink }: WatchedSites, surfaces: Surfaces): Promise<Suffered> {
  await temporalLink.down();
  const seconds = await told('offline', ['health', 'metrics'], site, surfaces);
  await expectSaid(surfaces, site, { status: /Temporal does not answer at/, exitCodes: { status: 1, probe: 3 } });
  return { told: seconds, mend: () => temporalLink.up() };
}

async function otherQueue(site: WatchedSite, sites: WatchedSites, surfaces: Surfaces): Promise<Suffered> {
  const { temporal, settings } = sites;
  const elsewhere = `${temporal.taskQueue}:elsewhere`;
  await temporal.client.workflow.getHandle(toWorkflowId(site.siteId)).signal('moveTo', { taskQueue: elsewhere });
  const seconds = await told('offline', ['status'], site, surfaces);
  await expectSaid(surfaces, site, { status: /No worker answers.*elsewhere/, exitCodes: { status: 1, probe: 2 } });
  const check = await surfaces.run(['check', '--site', site.siteId, '--quiet']);
  expect(check.text).toContain(`are on task queue ${elsewhere}`);
  const quiet = { ...settings, METER_SYNC_METRICS_ADDRESS: '', METER_SYNC_HEALTH_ADDRESS: '' }; // the addresses are taken
  const mend = async (): Promise<void> => {
    const helper = spawnWorker({ ...quiet, METER_SYNC_TASK_QUEUE: elsewhere });
    await helper.line('worker started');
    const move = ['move', '--site', site.siteId, '--task-queue', temporal.taskQueue];
    expect(await surfaces.run(move)).toMatchObject({ exitCode: 0 });
    const isBack = async (): Promise<boolean> =>
      (await temporal.client.workflow.getHandle(toWorkflowId(site.siteId)).describe()).taskQueue === temporal.taskQueue;
    await until(isBack, { what: 'the site on its task queue' });
    helper.signal('SIGTERM');
  };
  return { told: seconds, mend };
}

async function workerDead(site: WatchedSite, sites: WatchedSites, surfaces: Surfaces): Promise<Suffered> {
  sites.worker.signal('SIGKILL');
  await sites.worker.exited();
  const seconds = await told('offline', ['status'], site, surfaces);
  await expectSaid(surfaces, site, { status: /No worker answers/, exitCodes: { status: 1, probe: 2 } });
  const start = async (): Promise<void> => void (await spawnWorker(sites.settings).line('worker started'));
  return { told: seconds, mend: start };
}

/** Temporal begins anew, and knows nothing. */
async function dataLost(site: WatchedSite, { temporalLink }: WatchedSites, surfaces: Surfaces): Promise<Suffered> {
  const tell = (): void => undefined;
  const empty = await startTemporal({
    binary: await findTemporalBinary(process.env, tell),
    folder: mkdtempSync(join(tmpdir(), 'meter-sync-empty-')),
    keep: false,
    searchAttributes: Object.keys(SEARCH_ATTRIBUTE_TYPES),
  });
  onTestFinished(() => empty.process.stop());
  await temporalLink.down();
  await temporalLink.up(toTarget(empty.address));
  const seconds = await told('stopped', ['health', 'metrics'], site, surfaces);
  await expectSaid(surfaces, site, {
    status: /is not running: .*Temporal's data was lost/,
    exitCodes: { status: 1, probe: 2 },
  });
  const next = await surfaces.run(['status', '--site', site.siteId]);
  expect(next.text).toContain(`meter-sync start --site ${site.siteId}`);
  return { told: seconds, mend: () => surfaces.run(['start', '--site', site.siteId]) };
}

async function expectSaid(
  { run }: Surfaces,
  { siteId }: WatchedSite,
  said: { readonly status: RegExp; readonly exitCodes: { readonly status: number; readonly probe: number } },
): Promise<void> {
  const status = await run(['status', '--site', siteId]);
  expect(status.text).toMatch(said.status);
  expect(status.exitCode).toBe(said.exitCodes.status);
  const probe = await run(['status', '--site', siteId, '--probe']);
  expect(probe.exitCode).toBe(said.exitCodes.probe);
  expect(probe.text).toMatch(said.status);
}
