import type { CommandSpec } from '../command.js';
import { findObstacle, connectToSite } from '../connect-to-site.js';

/** `meter-sync start` */
export const start: CommandSpec = {
  name: 'start',
  summary: "start a site's sync",
  description:
    "Starts a site's sync: one endless workflow in Temporal. A site that runs already is left as it is (exit code 1). " +
    'Where the settings name the local database, a site whose table another running site uploads is refused.',
  examples: ['meter-sync start --site north --interval-seconds 60'],
  settings: ['METER_SYNC_INTERVAL_SECONDS', 'METER_SYNC_BATCH_ROWS', 'METER_SYNC_TASK_QUEUE'],
  run: async (context) => {
    const opened = await connectToSite(context);
    const [{ startSite }, { refuseSharedTable }] = await Promise.all([
      import('../../temporal/start-site.js'),
      import('../refuse-shared-table.js'),
    ]);
    await refuseSharedTable(context, opened.temporal, opened.config.siteId);
    const started = await startSite(opened.temporal, opened.config);
    const obstacle = await findObstacle(opened);
    const text = `Site ${started.siteId} started: workflow ${started.workflowId} on task queue ${started.taskQueue}`;
    return {
      document: { ok: true, ...started, workerPolling: obstacle?.code !== 'noWorker' },
      text:
        obstacle === null
          ? `${text}\nnext: meter-sync status --site ${started.siteId}`
          : `${text}\nNothing moves yet. ${obstacle.message}\nnext: ${obstacle.next}`,
    };
  },
};
