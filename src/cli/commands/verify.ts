import { loadConfig } from '../../config/load.js';
import { type Answer, type CommandSpec, type Context, UsageError } from '../command.js';

interface VerifyOptions {
  readonly from?: string;
  readonly to?: string;
  readonly after?: string;
  readonly report?: string;
}

/** `meter-sync verify` */
export const verify: CommandSpec<VerifyOptions> = {
  name: 'verify',
  summary: 'prove that what was delivered is still on the remote, unchanged',
  description:
    'Walks the custody chain of the site, compares each day of delivered readings with the remote table, and looks at the ' +
    'queue. Reads only: one bounded query a day, or one pass over the table where no index leads to a day. Can be stopped with Ctrl-C; ' +
    'it then prints the command that goes on. Exit code 0 when everything that was asked is proved by value, 1 when something is in ' +
    'doubt, could only be counted or could not be compared.',
  examples: ['meter-sync verify --site north', 'meter-sync verify --from 2026-11-01 --report november.json'],
  addOptions: (command) =>
    void command
      .option('--from <day>', 'the first UTC day to compare, such as 2026-11-01')
      .option('--to <day>', 'the last UTC day to compare')
      .option('--after <day>', 'go on after this day, where a run was stopped')
      .option('--report <file>', 'write a record of what was compared and found, for an auditor'),
  run,
};

async function run(context: Context, options: VerifyOptions): Promise<Answer> {
  const { siteId, local, remote, tables } = loadConfig(context.sources);
  const [from, to] = [readDay('--from', options.from), readDay('--to', options.to)];
  if (from !== null && to !== null && from > to) {
    throw new UsageError(`--from ${from} is after --to ${to}; wanted: the first day first`, 'meter-sync verify --help');
  }
  const after = readAfter(options.after);
  if (tables.readings.custody === 'off') return toUnproved(siteId);
  const [
    { withDatabase },
    { verifySite },
    { untilTold },
    { toReport, writeReport },
    { renderVerification },
    { openStages },
  ] = await Promise.all([
    import('../open-database.js'),
    import('../../../activities/verify/verify-site.js'),
    import('../until-told.js'),
    import('../verify/report.js'),
    import('../verify/render.js'),
    import('../verify/stages.js'),
  ]);
  const { output } = context;
  const { signal, stopListening } = untilTold(output);
  context.defer(stopListening);
  const stages = openStages(output);
  const verification = await withDatabase(local, 'local', (here) =>
    withDatabase(remote, 'remote', (there) =>
      verifySite(
        { local: here, remote: there, tables },
        {
          siteId,
          from,
          to,
          after,
          isStopped: () => signal.aborted,
          signal,
          onProgress: stages.update,
        },
      ),
    ),
  ).finally(stages.end);
  const report = toReport(verification, { from, to, after });
  const written = options.report === undefined ? null : await writeReport(options.report, report);
  return {
    exitCode: report.isProved ? 0 : 1,
    document: written === null ? report : { ...report, report: written },
    text: renderVerification(report, written, output),
  };
}

function toUnproved(siteId: string): Answer {
  const message = `METER_SYNC_CUSTODY is off for site ${siteId}: there are no custody records, and nothing can be proved`;
  const next = 'Set METER_SYNC_CUSTODY to full, where the customer allows it; deliveries are proved from then on';
  return {
    exitCode: 1,
    document: { ok: false, error: { code: 'custodyOff', message, next } },
    text: `${message}\nnext: ${next}`,
  };
}

/** A day as a stopped run has printed it: also one before Christ, after the year 9999 or of no calendar. */
function readAfter(day: string | undefined): string | null {
  if (day === undefined || /^(-?infinity|\d{4,}-\d\d-\d\d( BC)?)$/.test(day)) return day ?? null;
  throw new UsageError(`--after is '${day}'; wanted: a day as verify has printed it`, 'meter-sync verify --help');
}

function readDay(option: string, day: string | undefined): string | null {
  if (day === undefined) return null;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(`${day}T00:00:00Z`));
  if (isDay) return day;
  throw new UsageError(`${option} is '${day}'; wanted: a UTC day such as 2026-11-01`, 'meter-sync verify --help');
}
