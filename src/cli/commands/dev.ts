import { basename, relative } from 'node:path';
import type { DevReady } from '../../dev/dev.js';
import { type CommandSpec, UsageError } from '../command.js';
import type { Output } from '../output.js';
import { reportTo } from '../report-events.js';
import { untilTold } from '../until-told.js';

interface DevOptions {
  readonly data?: string;
  readonly readings?: string;
  readonly empty?: true;
  /** commander turns `--no-worker` into this. */
  readonly worker: boolean;
}

/** `meter-sync dev` */
export const dev: CommandSpec<DevOptions> = {
  name: 'dev',
  summary: 'keep such a stack up until Ctrl-C, to try things out',
  description:
    'Starts two PostgreSQL servers, Temporal, a worker and the sync, and keeps them up until Ctrl-C. With --json one line ' +
    'tells where everything listens once it is ready.',
  examples: [
    'meter-sync dev',
    'meter-sync dev --data ./stack --readings export.csv',
    'meter-sync dev --no-worker --json',
  ],
  addOptions: (command) =>
    void command
      .option('--data <dir>', 'keep everything in this folder, to continue with it at the next start')
      .option('--readings <file>', 'load this DEM report (CSV, plain or gzip) in place of the sample')
      .option('--empty', 'leave the sample tables and readings out')
      .option('--no-worker', 'leave the worker and the workflow out, so that they can be run apart'),
  run: async (context, { data, readings, empty, worker }) => {
    const { output } = context;
    if (empty === true && readings !== undefined) {
      throw new UsageError(
        '--empty and --readings exclude each other: readings need the sample tables',
        'meter-sync dev --help',
      );
    }
    const { runDev } = await import('../../dev/dev.js');
    const { signal, stopListening } = untilTold(output);
    context.defer(stopListening);
    const env = { ...context.sources.env, ...context.sources.options };
    const onReady = (ready: DevReady): void =>
      output.isJson ? output.document(ready) : output.text(renderReady(ready, worker, output));
    try {
      await runDev({ data, readings, empty: empty === true, worker, env, report: reportTo(output), onReady, signal });
    } catch (error) {
      if (error !== signal.reason) throw error; // told to end before it was ready: that is no failure
    }
    return { document: null, text: 'Stopped.' };
  },
};

function renderReady(ready: DevReady, worker: boolean, { paint, table }: Output): string {
  const rows = [
    ['local database', ready.local],
    ['remote database', ready.remote],
    ['Temporal', ready.temporalAddress],
    ['Temporal Web UI', ready.webUi ?? 'of the server that was given'],
    ['site', ready.siteId],
    ['task queue', ready.taskQueue],
  ];
  const program = nameProgram(process.argv[1]);
  const site = `--site ${ready.siteId} --address ${ready.temporalAddress}`;
  const next = worker
    ? [`${program} status ${site}`, `${program} watch ${site}`, `${program} stop ${site} --wait`]
    : [
        `export POSTGRES_SYNC_URL='${ready.local}' POSTGRES_CLIENT_URL='${ready.remote}' TEMPORAL_ADDRESS=${ready.temporalAddress}`,
        `${program} worker --site ${ready.siteId}`,
        `${program} start --site ${ready.siteId}`,
      ];
  return [
    '',
    paint('heading', 'Ready; Ctrl-C stops it.'),
    table(['', ''], rows),
    'Try, in another terminal:',
    ...next.map((line) => `  ${line}`),
  ].join('\n');
}

/** How the reader's shell finds this program: in a checkout it is not installed. */
function nameProgram(path = ''): string {
  return basename(path) === 'main.js' ? `node ${relative(process.cwd(), path)}` : 'meter-sync';
}
