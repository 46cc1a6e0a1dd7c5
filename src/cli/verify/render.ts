import { toCount, toInstant } from '../duration.js';
import type { Output } from '../output.js';
import type { VerifyReport, WrittenReport } from './report.js';

/** The answer for people: what is safe, what is in doubt, and what to do now. */
export function renderVerification(report: VerifyReport, written: WrittenReport | null, { paint }: Output): string {
  const { siteId, doubts } = report;
  const head = report.isSafe
    ? paint('good', `Site ${siteId}: every reading that was delivered is on the remote, unchanged.`)
    : doubts.length > 0
      ? paint('bad', `Site ${siteId}: ${doubts.length} ${doubts.length === 1 ? 'thing is' : 'things are'} in doubt.`)
      : paint('warning', `Site ${siteId}: nothing is in doubt so far, and not all was looked at.`);
  return [
    head,
    '',
    ...toFigures(report),
    ...doubts.flatMap(({ message, next }) => [
      '',
      `${paint('bad', 'in doubt')}  ${message}`,
      `          next: ${next}`,
    ]),
    ...toStop(report),
    ...(written === null ? [] : ['', `Report: ${written.file}`, `SHA-256: ${written.sha256}`]),
  ].join('\n');
}

function toFigures({ chain, places, days, meters, queue }: VerifyReport): string[] {
  const now = Date.now();
  const proved = days.filter(({ isSafe }) => isSafe);
  const rows = proved.reduce((sum, { delivered }) => sum + delivered, 0);
  const counted = proved.filter(({ isCountOnly }) => isCountOnly).length;
  const unproved = days.filter(({ found }) => found === null).length;
  const last = chain.last === null ? 'none yet' : `the last one ${toInstant(chain.last.committedAt, now)}`;
  return [
    `custody chain  ${toCount(chain.records)} records, ${last}; ${places}`,
    `delivered      ${toCount(chain.rows)} readings; ${toCount(chain.alreadyThere)} were sent again and were there already`,
    `days           ${toCount(proved.length)} of ${toCount(days.length)} are safe: ${toCount(rows)} readings` +
      (counted === 0 ? '' : `; on ${counted} of them only the number could be compared, since the columns changed`),
    ...(unproved === 0
      ? []
      : [
          `               ${toCount(unproved)} days cannot be proved: readings were delivered without day sums (METER_SYNC_CUSTODY)`,
        ]),
    `meters         ${meters === null ? 'all readings of the remote table count: no column tells those of other sites' : `readings of this site's ${toCount(meters)} meters`}`,
    `at the site    ${queue.isEstimate ? 'about ' : ''}${toCount(queue.waiting)} readings wait, ${toCount(queue.inQuarantine)} in quarantine` +
      (queue.alreadyThere === 0
        ? ''
        : `; ${toCount(queue.alreadyThere)} of them are on the remote already and will be removed here`),
  ];
}

function toStop({ stoppedAt, asked, siteId }: VerifyReport): string[] {
  if (stoppedAt === undefined) return [];
  const to = asked.to === null ? '' : ` --to ${asked.to}`;
  return [
    '',
    `Stopped before ${stoppedAt ?? 'the readings without a day'}.`,
    `next: meter-sync verify --site ${siteId} --from ${stoppedAt ?? ''}${to}`,
  ];
}
