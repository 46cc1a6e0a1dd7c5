import type { SiteHandle } from '../temporal/site-handle.js';
import type { Answer, Context } from './command.js';
import { findMissingWorker, openSite, type OpenedSite } from './open-site.js';

/** One signal to a site's workflow: what it is called there, and what it does. */
export interface SignalCommand {
  readonly signal: 'stop' | 'pause' | 'resume' | 'syncNow';
  readonly done: (siteId: string) => string;
}

/**
 * Sends a signal; Temporal takes it whether a worker is there or not, and the answer says when none is.
 * @throws NotRunning, Unreachable, Refused, ConfigProblems
 */
export async function sendSignal(context: Context, command: SignalCommand): Promise<Answer> {
  return signalTo(await openSite(context), command);
}

/** The same for a site that is open already. */
export async function signalTo(opened: OpenedSite, { signal, done }: SignalCommand): Promise<Answer> {
  const { site } = opened;
  const send: Readonly<Record<SignalCommand['signal'], SiteHandle['stop']>> = site;
  await send[signal]();
  const missingWorker = await findMissingWorker(opened, await readTaskQueue(opened));
  return {
    document: {
      ok: true,
      siteId: site.siteId,
      workflowId: site.workflowId,
      signal,
      workerPolling: missingWorker === null,
    },
    text: [done(site.siteId), ...(missingWorker === null ? [] : [missingWorker])].join('\n'),
  };
}

/** The queue that the workflow was started on, which may be another than these settings say. */
async function readTaskQueue({ site, config }: OpenedSite): Promise<string> {
  return (await site.record())?.taskQueue ?? config.taskQueue;
}
