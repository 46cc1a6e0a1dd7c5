import type { SiteConfig } from '../../config/read/read-site.js';
import { adviseWorker } from '../../model/observed-findings.js';
import type { Answer, CommandSpec, Context } from '../command.js';
import { type ConnectedSite, connectToSite } from '../connect-to-site.js';
import { signalTo } from '../send-signal.js';

/** `meter-sync move` */
export const move: CommandSpec = {
  name: 'move',
  summary: 'continue on another task queue, such as that of a worker with a sites file',
  description:
    'The running cycle ends as for a pause; then the workflow continues, with all that it knows, on the task queue that the settings or the options name, ' +
    'and its activities on theirs. Workers must poll there already, or nothing is moved: a site on a task queue without a worker stands still.',
  examples: [
    'meter-sync move --site north --task-queue meter-sync',
    'meter-sync move --site north --task-queue central --activity-task-queue meter-sync:north',
  ],
  settings: ['METER_SYNC_TASK_QUEUE', 'METER_SYNC_ACTIVITY_TASK_QUEUE'],
  run,
};

async function run(context: Context): Promise<Answer> {
  const opened = await connectToSite(context);
  const { config } = opened;
  const { taskQueue, activityTaskQueue } = config;
  const unpolled = await findUnpolled(opened, config);
  if (unpolled !== null) {
    const next = adviseWorker(config.siteId, taskQueue);
    const text = `Site ${config.siteId} was not moved: no worker polls ${unpolled}, and the site would stand still there`;
    return {
      exitCode: 1,
      document: { ok: false, siteId: config.siteId, unpolled, next },
      text: `${text}\nnext: ${next}`,
    };
  }
  const apart = activityTaskQueue === taskQueue ? {} : { activityTaskQueue };
  return signalTo(opened, {
    signal: 'moveTo',
    argument: { taskQueue, ...apart },
    does: `continues on task queue ${taskQueue} after its running cycle`,
    next: (siteId) => `meter-sync status --site ${siteId}`,
  });
}

/** The first task queue that nobody polls: of the workflow, then of its activities. */
async function findUnpolled(
  { temporal }: ConnectedSite,
  { taskQueue, activityTaskQueue }: Pick<SiteConfig, 'taskQueue' | 'activityTaskQueue'>,
): Promise<string | null> {
  const { isPolled, readPollers } = await import('../../temporal/task-queue.js');
  for (const [queue, kind] of [
    [taskQueue, 'workflows'],
    [activityTaskQueue, 'activities'],
  ] as const) {
    if (!isPolled(await readPollers(temporal, queue, { kind }), Date.now())) return queue;
  }
  return null;
}
