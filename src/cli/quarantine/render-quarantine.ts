import type { Quarantined, QuarantineGroup } from '../../../activities/upload/quarantined.js';
import { toReason } from '../../model/refusal.js';
import { SQLSTATE } from '../../postgres/sqlstate.js';
import { toCount, toDuration, toInstant } from '../duration.js';
import type { Painted } from '../render-status.js';
import type { AskedQuarantine } from './actions.js';
import { toKeyText } from './key-text.js';

/** What is in quarantine, for people: the reasons first, since one cause often has many readings. */
export function renderList(
  {
    siteId,
    total,
    groups,
    readings,
  }: {
    readonly siteId: string;
    readonly total: number;
    readonly groups: readonly QuarantineGroup[];
    readonly readings: readonly Quarantined[];
  },
  now: number,
  { paint, table }: Painted,
): string {
  if (total === 0) return `The quarantine of site ${siteId} is empty: the remote refuses none of its readings.`;
  const age = (iso: string): string => `${toDuration(now - Date.parse(iso))} ago`;
  const reasons = groups.map((group) => [
    toCount(group.readings),
    toReason(group),
    age(group.lastTriedAt),
    group.released === 0 ? '' : `${toCount(group.released)} with the next cycle`,
  ]);
  const rows = readings.map(({ key, readingTime, sqlstate, tries, firstTriedAt, lastTriedAt }) => [
    toKeyText(key),
    readingTime ?? '',
    sqlstate ?? 'conflict', // the words stand in the table above
    toCount(tries),
    age(firstTriedAt),
    age(lastTriedAt),
  ]);
  const more =
    total > readings.length ? [`... ${toCount(total - readings.length)} more: --limit ${Math.min(total, 10_000)}`] : [];
  return [
    paint(
      'warning',
      `${toCount(total)} readings of site ${siteId} are refused by the remote. They are safe at the site; all others go on.`,
    ),
    '',
    table(['readings', 'reason', 'last tried', 'tried again'], reasons),
    '',
    table(['key', 'reading time', 'reason', 'tries', 'first tried', 'last tried'], rows),
    ...more,
    '',
    ...toAdvice(groups).map((line) => `- ${line}`),
    `next: mend the cause, then: meter-sync quarantine retry --site ${siteId} --all (or --reason CODE, or keys)`,
  ].join('\n');
}

/** All that is known of one reading, for people. */
export function renderReading(
  reading: Quarantined,
  { siteId, keyColumns }: Pick<AskedQuarantine, 'siteId' | 'keyColumns'>,
  now: number,
  { paint, table }: Painted,
): string {
  const key = toKeyText(reading.key);
  const rows = [
    [`key (${keyColumns.join(', ')})`, key],
    ['reading time', reading.readingTime ?? 'none'],
    ['reason', toReason(reading)],
    ['message', reading.message],
    ['SQLSTATE', reading.sqlstate ?? 'none: the remote has it, with other content'],
    ['table', reading.table ?? 'not named'],
    ['constraint', reading.constraint ?? 'none named'],
    ['columns', reading.columns.length === 0 ? 'none named' : reading.columns.join(', ')],
    ['first tried', toInstant(reading.firstTriedAt, now)],
    ['last tried', toInstant(reading.lastTriedAt, now)],
    ['tries', toCount(reading.tries)],
    [
      'tried again',
      reading.isReleased
        ? 'with the next cycle'
        : HEALING.has(reading.sqlstate ?? '')
          ? 'by itself, once the cause is gone'
          : 'when it is told to',
    ],
  ];
  return [
    paint('heading', `Reading ${key} of site ${siteId} is in quarantine; it is safe at the site.`),
    table(['', ''], rows),
    ...toAdvice([reading]).map((line) => `- ${line}`),
    `next: mend the cause, then: meter-sync quarantine retry '${key}' --site ${siteId}`,
  ].join('\n');
}

/** Codes of refusals that the upload itself looks at again: an unknown meter may appear. */
const HEALING = new Set<string>([SQLSTATE.foreignKeyViolation]);

/** What to do, for each kind of reason that is there. */
function toAdvice(items: readonly Pick<Quarantined, 'sqlstate'>[]): string[] {
  const states = new Set(items.map(({ sqlstate }) => sqlstate));
  const classes = new Set([...states].map((state) => state?.slice(0, 2) ?? null));
  return [
    ...(states.has(SQLSTATE.foreignKeyViolation)
      ? ['Unknown meter (23503): register it on the remote; these readings then follow by themselves.']
      : []),
    ...(classes.has(null)
      ? [
          'Other content (conflict): somebody changed the reading at one end after it was sent. Compare both by key, and correct the one that is wrong.',
        ]
      : []),
    ...(classes.has('22')
      ? ['Values that do not fit (22...): widen the column on the remote, or correct the reading at the site.']
      : []),
    ...([...states].some((state) => state?.startsWith('23') === true && state !== SQLSTATE.foreignKeyViolation)
      ? ['Constraints (23...): mend the reading, or the constraint on the remote that refuses it.']
      : []),
  ];
}
