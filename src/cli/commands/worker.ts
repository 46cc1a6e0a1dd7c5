import { Option } from 'commander';
import { loadSites } from '../../config/load.js';
import { ConfigProblems } from '../../config/check/problems.js';
import type { CommandSpec, Context } from '../command.js';

interface WorkerOptions {
  readonly hosts: 'both' | 'workflows' | 'activities';
}

/** `meter-sync worker` */
export const worker: CommandSpec<WorkerOptions> = {
  name: 'worker',
  summary: 'host workflows and activities until SIGTERM, then drain',
  description:
    'Runs until SIGTERM or SIGINT: then the running batch commits or rolls back and the process ends with exit code 0. ' +
    'A second signal ends it at once. Logs go to standard error.',
  examples: ['meter-sync worker --site north', 'METER_SYNC_SITES_FILE=sites.json meter-sync worker'],
  settings: ['METER_SYNC_TASK_QUEUE', 'METER_SYNC_SHUTDOWN_SECONDS'],
  addOptions: (command) =>
    void command.addOption(
      new Option(
        '--hosts <what>',
        "what this process hosts; a site's own machine may leave its workflow to a central one",
      )
        .choices(['both', 'workflows', 'activities'])
        .default('both'),
    ),
  run: async (context, { hosts }) => {
    refuseOneOfMany(context);
    const [first, ...others] = loadSites(context.sources);
    if (first === undefined) throw new Error('no site to work for'); // loadSites tells an empty file as a problem
    const { runWorker } = await import('../../worker/main.js');
    const exitCode = (await runWorker([first, ...others], { hosts })) === 0 ? 0 : 1;
    return {
      exitCode,
      document: { ok: exitCode === 0, sites: [first, ...others].map(({ siteId }) => siteId) },
      text: '',
    };
  },
};

/** The sites of a file share a task queue, so a worker gets the work of all and must know all. */
function refuseOneOfMany({ sources }: Context): void {
  const file = sources.env['METER_SYNC_SITES_FILE'];
  const site = sources.options?.['METER_SYNC_SITE'];
  if (site === undefined || file === undefined || file === '') return;
  const wanted = 'none: a worker of a sites file serves all its sites. For one site leave METER_SYNC_SITES_FILE out';
  throw new ConfigProblems([{ setting: 'METER_SYNC_SITE', found: `'${site}'`, where: 'option --site', wanted }]);
}
