import type { VerifiedDay } from '../../../activities/verify/day/verify-day.js';
import type { Outside } from '../../../activities/verify/days/outside.js';
import type { VerifiedQueue } from '../../../activities/verify/site/verify-queue.js';
import type { SealPlace } from '../../model/chain-walk.js';
import { toCount } from '../../model/words.js';
import { toInstant } from '../instant.js';
import type { Output } from '../output.js';
import type { VerifyReport, WrittenReport } from './report.js';

/** Of a long list of doubts the first ones tell what kind it is. */
const SHOWN_DOUBTS = 20;

/** The answer for people: what is safe, what is in doubt, and what to do now. */
export function renderVerification(
  report: VerifyReport,
  written: WrittenReport | null,
  { paint, table }: Output,
): string {
  const { doubts } = report;
  const shown = doubts.slice(0, SHOWN_DOUBTS).flatMap(({ message, next }, at) => {
    const isSame = doubts[at + 1]?.next === next && at + 1 < SHOWN_DOUBTS; // what to do is said once for several alike
    return [`${paint('bad', 'in doubt')}  ${message}`, ...(isSame ? [] : [`next:     ${next}`, ''])];
  });
  const more = doubts.length - SHOWN_DOUBTS;
  return [
    renderHead(report, paint),
    '',
    table(['', ''], toFigures(report)),
    ...(doubts.length === 0 ? [] : ['', ...shown]),
    ...(more > 0 ? [`... and ${toCount(more)} more: --json and --report FILE have all of them`, ''] : []),
    ...toStop(report),
    ...(written === null ? [] : [`Report: ${written.file}`, `SHA-256: ${written.sha256}`]),
  ]
    .join('\n')
    .trimEnd();
}

function renderHead(report: VerifyReport, paint: Output['paint']): string {
  const { siteId, doubts, isSafe, isProved, isHeadUnknown, chain, asked, days } = report;
  const warn = (text: string): string => paint('warning', `Site ${siteId}: ${text}`);
  if (doubts.length > 0) {
    const things = doubts.length === 1 ? 'thing is' : 'things are';
    const rest = report.queue === null ? '' : ' The readings still at the site are safe.';
    return paint('bad', `Site ${siteId}: ${toCount(doubts.length)} ${things} in doubt.${rest}`);
  }
  if (!isSafe) return warn('nothing is in doubt so far, and not all was looked at.');
  if (chain.records === 0) return warn('no custody record is on the remote, so there is nothing to prove yet.');
  const which =
    asked.from === null && asked.to === null && asked.after === null
      ? 'every reading that was delivered'
      : 'every reading delivered for the days asked for';
  const claim = asked.isDeep ? 'unchanged' : 'unchanged as far as its day sums tell';
  if (isProved && isHeadUnknown) {
    const told = `every reading that custody records 1 to ${toCount(chain.last?.seq ?? 0)} tell of`;
    return paint(
      'good',
      `Site ${siteId}: ${told} is on the remote, ${claim}. Whether later records were removed, --head tells.`,
    );
  }
  if (isProved) return paint('good', `Site ${siteId}: ${which} is on the remote, ${claim}.`);
  if (days.length === 0 && chain.unsummed !== null) {
    return warn(
      'its custody chain is whole; of the readings themselves nothing is proved, since no day sums were kept.',
    );
  }
  const unproved = days.filter((day) => !day.isProved).length;
  return warn(
    `its custody chain is whole and nothing is in doubt, but not all is proved: ` +
      `the ${asked.isDeep ? 'bytes' : 'values'} of ${toCount(unproved)} of ${toCount(days.length)} days were not compared, see below.`,
  );
}

/** The days, by how far they are proved; those in doubt with what is there of them. */
function toDays({ days, chain: { unsummed } }: VerifyReport): string[][] {
  const proved = days.filter(({ isProved }) => isProved);
  const doubtful = days.filter(({ isInDoubt }) => isInDoubt);
  const total = (of: readonly VerifiedDay[], field: 'delivered' | 'missing' | 'extra'): number =>
    of.reduce((sum, day) => sum + (day[field] ?? 0), 0);
  const [delivered, missing] = [total(doubtful, 'delivered'), total(doubtful, 'missing')];
  return [
    [
      'days',
      `${toCount(proved.length)} of ${toCount(days.length)} are proved: ${toReadings(total(proved, 'delivered'))}`,
    ],
    ...(doubtful.length === 0
      ? []
      : [
          [
            '',
            `${toCount(doubtful.length)} in doubt: of ${toReadings(delivered)} ${toCount(missing)} missing, ` +
              `${toCount(total(doubtful, 'extra'))} more than delivered` +
              (missing > delivered ? ', those of other sites among them' : ''),
          ],
        ]),
    ...groupByReason(days).map(({ proof, reason, list }) => [
      '',
      `${toCount(list.length)} ${NOT_PROVED[proof]} (${toRange(list)}): ${reason}`,
    ]),
    ...(unsummed === null
      ? []
      : [
          [
            '',
            `${toCount(unsummed.records)} records have no day sums (METER_SYNC_CUSTODY), for ${unsummed.from} to ${unsummed.to}`,
          ],
        ]),
  ];
}

/** How far days came that are not proved. */
const NOT_PROVED: Readonly<Record<VerifiedDay['proof'], string>> = {
  bytes: 'not proved',
  value: 'compared by their sums alone',
  count: 'only counted',
  none: 'not compared',
};

function toReadings(rows: number): string {
  return `${toCount(rows)} ${rows === 1 ? 'reading' : 'readings'}`;
}

interface UnprovedDays {
  readonly proof: VerifiedDay['proof'];
  readonly reason: string;
  readonly list: VerifiedDay[];
}

function groupByReason(days: readonly VerifiedDay[]): readonly UnprovedDays[] {
  const groups = new Map<string, UnprovedDays>();
  for (const day of days) {
    if (day.isProved || day.isInDoubt) continue;
    const { proof, reason } = day;
    const group = groups.get(`${proof} ${reason}`) ?? { proof, reason: reason ?? 'unknown', list: [] };
    group.list.push(day);
    groups.set(`${proof} ${reason}`, group);
  }
  return [...groups.values()];
}

function toRange(days: readonly VerifiedDay[]): string {
  const [first, last] = [days[0], days.at(-1)].map((day) => day?.day ?? 'without a day');
  return first === last ? `${first}` : `${first} to ${last}`;
}

/** What was compared, and what the comparison leaves out. */
function toScope({ meters, outside }: VerifyReport): string[][] {
  const compared =
    meters === null
      ? 'all readings of the remote table count: no column tells those of others'
      : `the readings of this site's ${toCount(meters)} meters`;
  if (outside === null) return [['meters', compared]];
  const { before, otherMeters, firstDay, lastDay } = outside;
  const toText = (counted: Outside['before']): string =>
    counted === null
      ? 'not counted, since that takes long'
      : `${counted.isAtLeast ? 'at least ' : ''}${toCount(counted.rows)}`;
  return [
    ['meters', compared],
    ['not compared', `readings before ${firstDay}: ${toText(before)}`],
    ...(meters === null
      ? []
      : [['', `readings of meters that this site does not know, ${firstDay} to ${lastDay}: ${toText(otherMeters)}`]]),
  ];
}

const BY_VALUES =
  'number and 64-bit sums of the stored values: these find every accident and edit, save readings computed to have the same sum';
const BY_BYTES = 'digests of all bytes, which no other readings have';

function toSealText({ seq, sealedAt }: SealPlace): string {
  return `those up to ${toCount(seq)} by their seal, made ${toInstant(sealedAt, Date.now())}`;
}

function toFigures(report: VerifyReport): string[][] {
  const { chain, places, queue } = report;
  const last = chain.last === null ? '' : `, the last one ${toInstant(chain.last.committedAt, Date.now())}`;
  const again =
    chain.alreadyThere === 0 ? '' : `; ${toCount(chain.alreadyThere)} were sent again and were there already`;
  return [
    ['custody chain', `${toCount(chain.records)} records${last}`],
    ...(chain.sealed === null ? [] : [['', toSealText(chain.sealed)]]),
    ...(report.signingKey === null ? [] : [['key', `${report.signingKey} (fingerprint)`]]),
    ...(chain.last === null ? [] : [['head', `${chain.last.seq}:${chain.last.digest}`]]),
    ['', places],
    ['delivered', `${toReadings(chain.rows)}${again}`],
    ...toDays(report),
    ['compared by', report.asked.isDeep ? BY_BYTES : BY_VALUES],
    ...toScope(report),
    ...(queue === null ? [] : toQueue(queue)),
  ];
}

function toQueue(queue: VerifiedQueue): string[][] {
  const waiting = `${queue.isEstimate ? 'about ' : ''}${toCount(queue.waiting)} readings wait`;
  return [['at the site', `${waiting}, ${toCount(queue.inQuarantine)} in quarantine`], ...toKnown(queue)];
}

/** Readings that wait, and whose keys the remote has. */
function toKnown({ alreadyThere, sameKey, looked }: VerifiedQueue): string[][] {
  if (sameKey === 0) return [];
  const oldest = `of the ${toCount(looked)} oldest`;
  if (alreadyThere === null) {
    return [['', `the remote has the keys of ${toCount(sameKey)} ${oldest}; their content could not be compared`]];
  }
  const others = sameKey - alreadyThere;
  const same = `${toCount(alreadyThere)} ${oldest} are on the remote already, with the same content; the next upload removes them`;
  const other = `the remote has another reading with the key of ${toCount(others)} ${oldest}: the upload would put these into quarantine`;
  return [...(alreadyThere === 0 ? [] : [['', same]]), ...(others === 0 ? [] : [['', other]])];
}

function toStop({ isComplete, stoppedAfter, stoppedBy, asked, siteId }: VerifyReport): string[] {
  if (isComplete) return [];
  const from = asked.from === null || stoppedAfter !== null ? '' : ` --from ${asked.from}`;
  const after =
    stoppedAfter === null ? '' : ` --after ${/^[\w-]+$/.test(stoppedAfter) ? stoppedAfter : `'${stoppedAfter}'`}`;
  const to = `${asked.to === null ? '' : ` --to ${asked.to}`}${asked.isDeep ? ' --deep' : ''}${asked.walk.map((option) => ` ${option}`).join('')}`;
  const why = stoppedBy === null ? '' : `: ${stoppedBy}`;
  return [
    `Stopped ${stoppedAfter === null ? 'before the first day' : `after ${stoppedAfter}`}${why}`,
    `next:     meter-sync verify --site ${siteId}${from}${after}${to}`,
  ];
}
