import type { Quarantined, QuarantineGroup } from '../../../activities/upload/quarantine/list.js';
import { hasNoPartition, toReason } from '../../model/refusal.js';
import { SQLSTATE } from '../../postgres/sqlstate.js';
import { toCount, toDuration } from '../../model/words.js';
import { toInstant } from '../instant.js';
import type { Painted } from '../render-status.js';
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
  if (total === 0) return `Site ${siteId}: no readings in quarantine.`;
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
    `next: fix the cause, then: meter-sync quarantine retry --site ${siteId} --all (or --reason CODE, or keys)`,
  ].join('\n');
}

/** All that is known of one reading, for people. */
export function renderReading(
  reading: Quarantined,
  { siteId, keyColumns }: { readonly siteId: string; readonly keyColumns: readonly string[] },
  now: number,
  { paint, table }: Painted,
): string {
  const key = toKeyText(reading.key);
  const rows = [
    [`key (${keyColumns.join(', ')})`, key],
    ['reading time', reading.readingTime ?? 'none'],
    ['reason', toReason(reading)],
    ['message', reading.message],
    ['SQLSTATE', reading.sqlstate ?? 'none: in conflict with another reading of its key'],
    ['table', reading.table ?? 'not named'],
    ['constraint', reading.constraint ?? 'none named'],
    ['columns', reading.columns.length === 0 ? 'none named' : reading.columns.join(', ')],
    ['first tried', toInstant(reading.firstTriedAt, now)],
    ['last tried', toInstant(reading.lastTriedAt, now)],
    ['tries', toCount(reading.tries)],
    ['tried again', toNextTry(reading)],
  ];
  return [
    paint('heading', `Reading ${key} of site ${siteId} is in quarantine; it is safe at the site.`),
    table(['', ''], rows),
    ...toAdvice([reading]).map((line) => `- ${line}`),
    `next: fix the cause, then: meter-sync quarantine retry '${key}' --site ${siteId}`,
  ].join('\n');
}

/** The upload looks at some refusals again by itself; `activities/upload/quarantine/heal.ts` says which. */
function toNextTry(reading: Pick<Quarantined, 'sqlstate' | 'constraint' | 'isReleased'>): string {
  if (reading.isReleased) return 'with the next cycle';
  if (reading.sqlstate === SQLSTATE.foreignKeyViolation) return 'by itself, once the cause is gone';
  return hasNoPartition(reading) ? 'by itself, every ten minutes' : 'only on request';
}

/** What to do, for each kind of reason; the first that fits. */
const ADVICE: readonly (readonly [(item: Pick<Quarantined, 'sqlstate' | 'constraint'>) => boolean, string])[] = [
  [
    ({ sqlstate }) => sqlstate === SQLSTATE.foreignKeyViolation,
    'Unknown meter (23503): register it on the remote; these readings then follow by themselves.',
  ],
  [
    hasNoPartition,
    'No partition (23514): create one for their time on the remote. They are tried again by themselves every ten minutes.',
  ],
  [
    ({ sqlstate }) => sqlstate === null,
    'Conflict: another reading of this key has other content, on the remote (somebody changed one of them after it was sent) or at the site (its table has the key twice); the message of `quarantine show KEY` says which. Compare both by key, and correct the one that is wrong.',
  ],
  [
    ({ sqlstate }) => sqlstate?.startsWith('22') === true,
    'Values that do not fit (22...): widen the column on the remote, or correct the reading at the site.',
  ],
  [
    ({ sqlstate }) => sqlstate?.startsWith('23') === true,
    'Constraints (23...): fix the reading, or the constraint on the remote that refuses it.',
  ],
  [
    ({ sqlstate }) => sqlstate === 'P0001',
    "Trigger (P0001): that server's log has the words of the trigger. Fix the reading, or the trigger on the remote.",
  ],
  [
    ({ sqlstate }) => sqlstate?.startsWith('44') === true,
    'View (44...): a trigger on the remote writes into a view that takes no such rows. Fix the reading, or the view.',
  ],
  [
    ({ sqlstate }) => sqlstate === '54000',
    'Too large (54000): mostly a text that is too long for an index on the remote. Drop that index, or shorten the text.',
  ],
];

function toAdvice(items: readonly Pick<Quarantined, 'sqlstate' | 'constraint'>[]): string[] {
  const found = new Set(items.map((item) => ADVICE.find(([fits]) => fits(item))));
  return ADVICE.filter((entry) => found.has(entry)).map(([, text]) => text);
}
