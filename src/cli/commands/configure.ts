import type { SchedulerSettings } from '../../model/scheduler-settings.js';
import { type CommandSpec, UsageError } from '../command.js';
import { toDuration } from '../../model/words.js';
import { connectToSite } from '../connect-to-site.js';

const INTERVAL = 'METER_SYNC_INTERVAL_SECONDS';
const BATCH_ROWS = 'METER_SYNC_BATCH_ROWS';

/** `meter-sync configure` */
export const configure: CommandSpec = {
  name: 'configure',
  summary: 'change the settings of a running site',
  description:
    'Changes the interval or the batch size of a running site, and answers with all settings in force. Only what is given is changed.',
  examples: ['meter-sync configure --site north --interval-seconds 300'],
  settings: [INTERVAL, BATCH_ROWS],
  givenOnly: true,
  run: async (context) => {
    const given = context.sources.options ?? {};
    if (given[INTERVAL] === undefined && given[BATCH_ROWS] === undefined) {
      throw new UsageError(
        'nothing to change; expected --interval-seconds or --batch-rows',
        'meter-sync configure --help',
      );
    }
    const { config, site } = await connectToSite(context);
    const change: Partial<SchedulerSettings> = {
      ...(given[INTERVAL] === undefined ? {} : { intervalMs: config.intervalMs }),
      ...(given[BATCH_ROWS] === undefined ? {} : { batchRows: config.batchRows }),
    };
    const settings = await site.configure(change);
    return {
      document: { ok: true, siteId: site.siteId, settings },
      text: `Site ${site.siteId} now has an interval of ${toDuration(settings.intervalMs)} and batches of ${settings.batchRows} readings`,
    };
  },
};
