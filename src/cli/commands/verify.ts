import type { WalkStart } from '../../../activities/custody/proof/open-walk.js';
import { ConfigProblems } from '../../config/check/problems.js';
import { PREFIXES } from '../../config/define/connection-schema.js';
import { inspectSites, loadConfig } from '../../config/load.js';
import type { ConnectionSettings } from '../../config/read/read-connection.js';
import type { SiteTables } from '../../model/table.js';
import { type Answer, type CommandSpec, type Context, UsageError } from '../command.js';
import type { VerifyReport } from '../verify/report.js';

interface VerifyOptions {
  readonly from?: string;
  readonly to?: string;
  readonly after?: string;
  readonly report?: string;
  readonly deep?: boolean;
  readonly remoteOnly?: boolean;
  readonly key?: readonly string[];
  readonly head?: string;
  readonly fromSeal?: string;
  readonly whole?: true;
}

/** `meter-sync verify` */
export const verify: CommandSpec<VerifyOptions> = {
  name: 'verify',
  summary: 'prove that what was delivered is still on the remote, as it was delivered',
  description:
    'Walks the custody chain of the site, compares each day of delivered readings with the remote table, and looks at the ' +
    'queue. Reads only: one bounded query a day, or one pass over the table where no index leads to a day. Can be stopped with Ctrl-C; ' +
    'it then prints the command that continues. Exit code 0 when everything that was asked is proved by value, 1 when something is in ' +
    'doubt, could only be counted or could not be compared.',
  examples: [
    'meter-sync verify --site north',
    'meter-sync verify --from 2026-11-01 --report november.json',
    "meter-sync verify --site north --remote-only --key '3f1c 90ab ...' --head 4711:9e07...",
  ],
  addOptions: (command) =>
    void command
      .option('--from <day>', 'the first UTC day to compare, such as 2026-11-01')
      .option('--to <day>', 'the last UTC day to compare')
      .option('--after <day>', 'continue after this day, where a run was stopped')
      .option('--from-seal <seq:digest>', 'walk the custody chain behind this very seal; else behind the newest one')
      .option('--whole', 'walk the whole custody chain, records under seals, too')
      .option('--report <file>', 'write a record of what was compared and found, for an auditor')
      .option(
        '--deep',
        'read the readings back and compare their bytes, where METER_SYNC_CUSTODY was strong; takes longer',
      )
      .option('--remote-only', "ask the remote alone, without the site: for the customer's auditor; needs --key")
      .option(
        '--key <key>',
        "the site's public key or its fingerprint, as the site tells it; of another site SITE=KEY; can be given again",
        (key: string, before: readonly string[] = []) => [...before, key],
      )
      .option('--head <seq:digest>', 'with --remote-only: a record that is known to have been there'),
  run,
};

async function run(context: Context, options: VerifyOptions): Promise<Answer> {
  const asked = readAsked(options);
  const start = readStart(options);
  const isRemoteOnly = options.remoteOnly === true;
  if (!isRemoteOnly && options.head !== undefined) {
    throw new UsageError('--head needs --remote-only: else the site itself knows the head', 'meter-sync verify --help');
  }
  const { siteId, local, remote, tables } = isRemoteOnly ? loadRemote(context) : loadConfig(context.sources);
  if (tables.readings.custody === 'off' && !isRemoteOnly) return toUnproved(siteId);
  const [
    { withDatabase },
    { verifySite },
    { verifyRemote },
    { findTrustedKeys },
    { readHead, readKeys },
    { untilTold },
    { checkReportPlace, toReport, writeReport },
    { renderVerification },
    { openStages },
  ] = await Promise.all([
    import('../open-database.js'),
    import('../../../activities/verify/verify-site.js'),
    import('../../../activities/verify/verify-remote.js'),
    import('../../../activities/custody/records/trusted-keys.js'),
    import('../verify/told.js'),
    import('../until-told.js'),
    import('../verify/report.js'),
    import('../verify/render.js'),
    import('../verify/stages.js'),
  ]);
  if (options.report !== undefined) await checkReportPlace(options.report);
  const keys = readKeys(options.key ?? [], siteId, isRemoteOnly);
  const head = readHead(options.head);
  const { output } = context;
  const { signal, stopListening } = untilTold(output);
  context.defer(stopListening);
  const stages = openStages(output);
  const how = { siteId, ...asked, start, isStopped: () => signal.aborted, signal, onProgress: stages.update };
  const { readings } = tables;
  const verification = await withDatabase(remote, 'remote', async (there) => {
    if (local === null) return verifyRemote(there, { readings, keys, head }, how);
    const otherKeys = new Map<string, readonly string[]>();
    for (const [site, told] of keys) otherKeys.set(site, await findTrustedKeys(there, site, told));
    return withDatabase(local, 'local', (here) =>
      verifySite({ local: here, remote: there, tables }, { ...how, otherKeys }),
    );
  }).finally(stages.end);
  const report = toReport(verification, asked);
  const written = options.report === undefined ? null : await writeReport(options.report, report);
  return {
    exitCode: report.isProved ? 0 : 1,
    document: written === null ? report : { ...report, report: written },
    text: renderVerification(report, written, output),
  };
}

/** The settings without those of the site's own database, which an auditor does not have. */
function loadRemote({ sources }: Context): {
  siteId: string;
  local: null;
  remote: ConnectionSettings;
  tables: SiteTables;
} {
  const [inspected] = inspectSites(sources, true);
  const { siteId = null, remote = null, tables = null, problems = [] } = inspected ?? {};
  const ofRemote = problems.filter(({ setting }) => !setting.startsWith(PREFIXES.local));
  if (siteId === null || remote === null || tables === null || ofRemote.length > 0) throw new ConfigProblems(ofRemote);
  return { siteId, local: null, remote, tables };
}

function readAsked(options: VerifyOptions): VerifyReport['asked'] {
  const [from, to] = [readDay('--from', options.from), readDay('--to', options.to)];
  if (from !== null && to !== null && from > to) {
    throw new UsageError(
      `--from ${from} is after --to ${to}; expected the first day first`,
      'meter-sync verify --help',
    );
  }
  return { from, to, after: readAfter(options.after), isDeep: options.deep === true, walk: listWalkOptions(options) };
}

/** None of them holds a secret: keys are public ones. */
function listWalkOptions({ whole, fromSeal, remoteOnly, key = [], head }: VerifyOptions): string[] {
  return [
    ...(whole === true ? ['--whole'] : []),
    ...(fromSeal === undefined ? [] : [`--from-seal ${fromSeal}`]),
    ...(remoteOnly === true ? ['--remote-only'] : []),
    ...key.map((one) => `--key '${one}'`),
    ...(head === undefined ? [] : [`--head ${head}`]),
  ];
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

function readStart({ fromSeal, whole }: VerifyOptions): WalkStart {
  if (fromSeal === undefined) return whole === true ? 'whole' : 'newest';
  const [, seq, digest] = /^(\d{1,9}):([\da-f]{64})$/.exec(fromSeal) ?? [];
  if (seq !== undefined && digest !== undefined && whole !== true) return { seq: Number(seq), digest };
  const wanted =
    whole === true ? '--from-seal or --whole, not both' : 'SEQ:DIGEST as meter-sync custody seal prints it';
  throw new UsageError(`--from-seal is '${fromSeal}'; expected: ${wanted}`, 'meter-sync verify --help');
}

/** A day as a stopped run has printed it: also one before Christ, after the year 9999 or of no calendar. */
function readAfter(day: string | undefined): string | null {
  if (day === undefined || /^(-?infinity|\d{4,}-\d\d-\d\d( BC)?)$/.test(day)) return day ?? null;
  throw new UsageError(`--after is '${day}'; expected a day as verify has printed it`, 'meter-sync verify --help');
}

function readDay(option: string, day: string | undefined): string | null {
  if (day === undefined) return null;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(`${day}T00:00:00Z`));
  if (isDay) return day;
  throw new UsageError(`${option} is '${day}'; expected a UTC day such as 2026-11-01`, 'meter-sync verify --help');
}
