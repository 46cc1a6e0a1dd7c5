import type { Resent } from '../../../activities/resend/resend.js';
import { loadConfig } from '../../config/load.js';
import { describeLost } from '../../model/lost.js';
import { type Answer, type CommandSpec, type Context, UsageError } from '../command.js';
import { readDay } from '../day-option.js';
import { toCount } from '../../model/words.js';

interface ResendOptions {
  readonly from?: string;
  readonly to?: string;
  readonly missing?: true;
}

/** `meter-sync resend` */
export const resend: CommandSpec<ResendOptions> = {
  name: 'resend',
  summary: 'send kept readings again, after the remote was restored from an older backup',
  description:
    'Sends the readings of some days again that are kept at the site (METER_SYNC_READINGS_KEEP_DAYS). What the remote has is ' +
    'compared and never overwritten, what it has not is inserted. Can be stopped with Ctrl-C and run again. The uploads of the site ' +
    'wait meanwhile. Exit code 1 when something was not sent.',
  examples: [
    'meter-sync resend --site north --missing',
    'meter-sync resend --site north --from 2026-11-01 --to 2026-11-03',
  ],
  addOptions: (command) =>
    void command
      .option('--from <day>', 'the first UTC day')
      .option('--to <day>', 'the last UTC day')
      .option('--missing', 'the days of which readings are noted as lost at the remote'),
  run,
};

async function run(context: Context, options: ResendOptions): Promise<Answer> {
  const days = readDays(options);
  const { siteId, local, remote, tables } = loadConfig(context.sources);
  const [{ withDatabase }, { resendKept }, { untilTold }] = await Promise.all([
    import('../open-database.js'),
    import('../../../activities/resend/resend.js'),
    import('../until-told.js'),
  ]);
  const { output } = context;
  const { signal: earlyEnd, stopListening } = untilTold(output);
  context.defer(stopListening);
  const progress = output.progress('sent again');
  const quiet = (): void => undefined;
  const attempt = {
    signal: new AbortController().signal,
    earlyEnd,
    heartbeat: quiet,
    log: { debug: quiet, info: quiet, warn: output.note, error: output.note },
  };
  const resent = await withDatabase(local, 'local', (here) =>
    withDatabase(remote, 'remote', (there) => {
      const ends = { local: here, remote: there, readings: tables.readings };
      return resendKept(ends, { siteId, days, onProgress: progress.update }, attempt);
    }),
  ).finally(progress.end);
  const next = nextOf(siteId, resent);
  const isWell = resent.isComplete && resent.conflicts === 0 && resent.lostAfter === null;
  return {
    exitCode: isWell && (resent.selected > 0 || resent.lostBefore === null) ? 0 : 1,
    document: { ok: true, siteId, ...resent, next },
    text: [describe(siteId, resent), ...(next === null ? [] : [`next: ${next}`])].join('\n'),
  };
}

function readDays({ from, to, missing }: ResendOptions): { readonly from: string; readonly to: string } | null {
  const help = 'meter-sync resend --help';
  const [first, last] = [readDay('resend', '--from', from), readDay('resend', '--to', to)];
  if (missing === true && first === null && last === null) return null;
  if (missing === true || first === null || last === null)
    throw new UsageError('expected --from DAY and --to DAY, or --missing', help);
  if (first > last) throw new UsageError(`--from ${first} is after --to ${last}; expected the first day first`, help);
  return { from: first, to: last };
}

function describe(siteId: string, resent: Resent): string {
  const { selected, inserted, alreadyThere, conflicts, batches, isComplete, lostBefore, lostAfter, examples } = resent;
  if (selected === 0) return `Site ${siteId}: ${describeNothing(resent)}`;
  const lines = [
    `Site ${siteId}: ${toCount(selected)} kept readings in ${toCount(batches)} batches: ${toCount(inserted)} sent, ${toCount(alreadyThere)} there already and equal, ${toCount(conflicts)} not sent.`,
    ...examples.map(({ key, message }) => `  ${key.join(', ')}: ${message}`),
    ...(isComplete ? [] : ['Stopped before the end; what was sent stays sent.']),
  ];
  if (lostBefore !== null && lostAfter === null) return [...lines, 'No readings are noted as lost now.'].join('\n');
  if (lostAfter !== null) return [...lines, `Lost at the remote still: ${describeLost(lostAfter)}.`].join('\n');
  return lines.join('\n');
}

function describeNothing({ lostBefore, kept }: Resent): string {
  if (kept > 0) return 'no reading of these days is kept.';
  if (lostBefore === null) return 'no reading is kept of these days, and none is noted as lost at the remote.';
  return (
    `no reading is kept of these days (METER_SYNC_READINGS_KEEP_DAYS is 0, or they are older), and ${describeLost(lostBefore)} are lost at the remote. ` +
    "They can only come from a newer backup of the customer's database, or from the damaged one: copy them into the remote table as they were, and verify finds them."
  );
}

function nextOf(siteId: string, { selected, isComplete, lostBefore, lostAfter }: Resent): string | null {
  if (!isComplete) return lostBefore === null ? null : `meter-sync resend --site ${siteId} --missing`;
  if (lostAfter === null) return selected === 0 ? null : `meter-sync verify --site ${siteId}`;
  const writeOff = `meter-sync adopt --site ${siteId} --accept-loss --by NAME --reason TEXT`;
  return `meter-sync verify --site ${siteId}, which finds what was copied back; or, when they are gone for good: ${writeOff}`;
}
