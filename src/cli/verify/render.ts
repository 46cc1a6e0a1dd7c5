import { toCount, toInstant } from '../duration.js';
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

function renderHead({ siteId, doubts, isSafe, isProved, chain, asked }: VerifyReport, paint: Output['paint']): string {
  const which =
    asked.from === null && asked.to === null && asked.after === null
      ? 'every reading that was delivered'
      : 'every reading delivered for the days asked for';
  if (doubts.length > 0) {
    const things = doubts.length === 1 ? 'thing is' : 'things are';
    return paint(
      'bad',
      `Site ${siteId}: ${toCount(doubts.length)} ${things} in doubt. The readings still at the site are safe.`,
    );
  }
  if (!isSafe) return paint('warning', `Site ${siteId}: nothing is in doubt so far, and not all was looked at.`);
  if (chain.records === 0)
    return paint('warning', `Site ${siteId}: no custody record is on the remote, so there is nothing to prove yet.`);
  if (!isProved)
    return paint(
      'warning',
      `Site ${siteId}: the custody chain is whole and nothing is in doubt, but not every day can be proved.`,
    );
  return paint('good', `Site ${siteId}: ${which} is on the remote, unchanged.`);
}

function toFigures({ chain, places, days, meters, queue }: VerifyReport): string[][] {
  const now = Date.now();
  const proved = days.filter(({ isSafe }) => isSafe);
  const rows = proved.reduce((sum, { delivered }) => sum + delivered, 0);
  const counted = proved.filter(({ isCountOnly }) => isCountOnly).length;
  const reasons = [...new Set(days.flatMap(({ unproved }) => unproved ?? []))];
  const unproved = days.filter((day) => day.unproved !== null).length;
  const { unsummed } = chain;
  const last = chain.last === null ? '' : `, the last one ${toInstant(chain.last.committedAt, now)}`;
  const again =
    chain.alreadyThere === 0 ? '' : `; ${toCount(chain.alreadyThere)} were sent again and were there already`;
  return [
    ['custody chain', `${toCount(chain.records)} records${last}`],
    ['', places],
    ['delivered', `${toCount(chain.rows)} readings${again}`],
    ['days', `${toCount(proved.length)} of ${toCount(days.length)} are safe: ${toCount(rows)} readings`],
    ...(counted === 0
      ? []
      : [['', `on ${toCount(counted)} of them only the number was compared, since the columns changed`]]),
    ...(unproved === 0 ? [] : [['', `${toCount(unproved)} cannot be proved: ${reasons.join('; ')}`]]),
    ...(unsummed === null
      ? []
      : [
          [
            '',
            `${toCount(unsummed.records)} records have no day sums (METER_SYNC_CUSTODY), for ${unsummed.from} to ${unsummed.to}`,
          ],
        ]),
    [
      'meters',
      meters === null
        ? 'all readings of the remote table count: no column tells those of others'
        : `the readings of this site's ${toCount(meters)} meters`,
    ],
    [
      'at the site',
      `${queue.isEstimate ? 'about ' : ''}${toCount(queue.waiting)} readings wait, ${toCount(queue.inQuarantine)} in quarantine`,
    ],
    ...(queue.alreadyThere === 0
      ? []
      : [
          [
            '',
            `${toCount(queue.alreadyThere)} of the ${toCount(queue.looked)} oldest are on the remote already; the next upload compares and removes them`,
          ],
        ]),
  ];
}

function toStop({ isComplete, stoppedAfter, stoppedBy, asked, siteId }: VerifyReport): string[] {
  if (isComplete) return [];
  const from = asked.from === null || stoppedAfter !== null ? '' : ` --from ${asked.from}`;
  const after =
    stoppedAfter === null ? '' : ` --after ${/^[\w-]+$/.test(stoppedAfter) ? stoppedAfter : `'${stoppedAfter}'`}`;
  const to = asked.to === null ? '' : ` --to ${asked.to}`;
  const why = stoppedBy === null ? '' : `: ${stoppedBy}`;
  return [
    `Stopped ${stoppedAfter === null ? 'before the first day' : `after ${stoppedAfter}`}${why}`,
    `next:     meter-sync verify --site ${siteId}${from}${after}${to}`,
  ];
}
