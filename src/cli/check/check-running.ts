import type { SiteConfig } from '../../config/read/read-site.js';
import { type Finding, isFine, isWell } from '../../model/finding.js';
import { adviseActor } from '../../model/actor.js';
import { adviseWorker } from '../../model/observed-findings.js';
import type { Verdict } from '../../model/verdict.js';
import { SHARED_TASK_QUEUE } from '../../model/wire.js';
import { toInstant } from '../instant.js';
import type { TemporalClient } from '../../temporal/connection.js';
import { NotRunning } from '../../temporal/errors.js';
import { siteHandle } from '../../temporal/site-handle.js';
import { readActivityTaskQueue } from '../../temporal/site-queues.js';
import { judgeReport, readSiteReport, type SiteReport } from '../../temporal/site-report.js';
import { isPolled, readPollers } from '../../temporal/task-queue.js';
import type { Findings } from './finding.js';

/** Looks at the site's workflow: its verdict, its task queues, and who polls them. */
export async function checkRunning(temporal: TemporalClient, config: SiteConfig, findings: Findings): Promise<void> {
  const { siteId } = config;
  const report = await readReport(temporal, siteId);
  if (report === null || report.seen === 'ended') {
    const next = adviseOnQueue({ siteId, queue: config.taskQueue, ofSettings: config.taskQueue, isPolled: false });
    for (const [queue, kind] of [
      [config.taskQueue, 'workflows'],
      [config.activityTaskQueue, 'activities'],
    ] as const)
      tellQueue({ queue, kind, isPolled: await isQueuePolled(temporal, queue, kind), next }, findings);
  }
  if (report === null) {
    const text = `Temporal knows nothing of the sync of site ${siteId}: it was never started, or Temporal's data was lost`;
    return findings.warning(text, `meter-sync start --site ${siteId}`);
  }
  const verdict = judgeReport(siteId, report, Date.now());
  if (report.seen !== 'ended') await checkQueues(temporal, { config, verdict, report }, findings);
  if (report.seen === 'live')
    findings.ok(`the sync of site ${siteId} runs, started ${toInstant(report.status.startedAt, Date.now())}`);
  for (const finding of [verdict, ...verdict.also]) tellFinding(finding, findings);
}

/** Null: Temporal knows of no workflow. */
async function readReport(temporal: TemporalClient, siteId: string): Promise<SiteReport | null> {
  try {
    return await readSiteReport(siteHandle(temporal, siteId), 'status');
  } catch (error) {
    if (error instanceof NotRunning) return null;
    throw error;
  }
}

function tellFinding(finding: Finding, findings: Findings): void {
  const { verdict, reason, since } = finding;
  const sinceText = since === null ? '' : ` (since ${toInstant(since, Date.now())})`;
  const advice = adviseActor(finding) ?? 'nothing: it continues by itself';
  if (isWell(finding)) findings.ok(`${verdict}: ${reason}`);
  else if (isFine({ verdict })) findings.warning(`${verdict}: ${reason}${sinceText}`, advice);
  else findings.error(`${verdict}: ${reason}${sinceText}`, advice);
}

interface Running {
  readonly config: SiteConfig;
  readonly verdict: Verdict;
  readonly report: Extract<SiteReport, { seen: 'live' | 'silent' }>;
}

/** A site stays on the queue that it was started on, whatever the settings of today say. */
async function checkQueues(
  temporal: TemporalClient,
  { config, verdict, report }: Running,
  findings: Findings,
): Promise<void> {
  const { siteId, taskQueue, activityTaskQueue } = config;
  const { record } = report;
  if (record === null) return;
  const isTold = [verdict, ...verdict.also].some((finding) => finding.verdict === 'offline');
  const onActivities = (await readActivityTaskQueue(temporal, record)) ?? record.taskQueue;
  for (const { kind, queue, ofSettings } of [
    { kind: 'workflows', queue: record.taskQueue, ofSettings: taskQueue },
    { kind: 'activities', queue: onActivities, ofSettings: activityTaskQueue },
  ] as const) {
    const isPolledHere = await isQueuePolled(temporal, queue, kind);
    if (queue !== ofSettings) {
      const text = `the ${kind} of site ${siteId} are on task queue ${queue}, and a worker with these settings polls ${ofSettings}`;
      const canMove = isPolledHere && (await isQueuePolled(temporal, ofSettings, kind)); // the workflow itself must act on it
      const move = `Continue on the queue of these settings: meter-sync move --site ${siteId}`;
      findings.warning(text, canMove ? move : adviseOnQueue({ siteId, queue, ofSettings, isPolled: isPolledHere }));
    }
    if (!isTold)
      tellQueue(
        {
          queue,
          kind,
          isPolled: isPolledHere,
          next: adviseOnQueue({ siteId, queue, ofSettings, isPolled: isPolledHere }),
        },
        findings,
      );
  }
}

interface OtherQueue {
  readonly siteId: string;
  readonly queue: string;
  readonly ofSettings: string;
  readonly isPolled: boolean;
}

/** A worker of a sites file takes no site by itself, but any task queue. */
function adviseOnQueue({ siteId, queue, ofSettings, isPolled }: OtherQueue): string {
  if (ofSettings !== SHARED_TASK_QUEUE) return adviseWorker(siteId, queue);
  if (queue === ofSettings) return 'meter-sync worker';
  const move = `and once it polls: meter-sync move --site ${siteId}`;
  if (isPolled) return `Start a worker with these settings, meter-sync worker, ${move}`;
  return `Start a worker with these settings on that queue, meter-sync worker --task-queue ${queue}, one on its own queue, meter-sync worker, ${move}`;
}

interface Queue {
  readonly queue: string;
  readonly kind: 'workflows' | 'activities';
  readonly isPolled: boolean;
  readonly next: string;
}

function tellQueue({ queue, kind, isPolled, next }: Queue, findings: Findings): void {
  if (isPolled) findings.ok(`a worker polls ${queue} for ${kind}`);
  else findings.warning(`no worker polls ${queue} for ${kind}`, next);
}

async function isQueuePolled(temporal: TemporalClient, queue: string, kind: Queue['kind']): Promise<boolean> {
  return isPolled(await readPollers(temporal, queue, { kind }), Date.now());
}
