import type { Adoption } from '../../../activities/upload/chain/adopt.js';
import type { Fence } from '../../model/chain.js';
import { describeLost } from '../../model/lost.js';
import { toCount } from '../../model/words.js';
import { toInstant } from '../instant.js';
import type { Painted } from '../render-status.js';

/** Both places in a site's chain, why they do not fit, and what `adopt` will do: for the person who decides. */
export function renderAdoption(adoption: Adoption, now: number, { paint, table }: Painted): string {
  const { siteId, standing } = adoption;
  const fence = toFence(adoption);
  if (fence === null) return renderNothing(adoption);
  const title = `Site ${siteId} is fenced: ${WHAT[fence]}. Nothing is uploaded or removed until a person decides.`;
  return [
    paint('bad', title),
    '',
    table(['', ''], [...describePlaces(adoption, now), ['apart', describeGap(adoption)]]),
    '',
    paint('heading', 'Before you go on'),
    ...[...BEFORE[fence], ...describeMissing(adoption)].map((line) => `  - ${line}`),
    paint('heading', 'What adopt does'),
    ...describeEffects(adoption, typeof standing === 'object' ? standing.fence : fence).map((line) => `  - ${line}`),
  ].join('\n');
}

/** Why the site is fenced, of two reasons the one that is to be decided first; null: it is not. */
export function toFence({ standing }: Pick<Adoption, 'standing'>): Fence | null {
  return typeof standing === 'object' ? standing.fence : null;
}

function renderNothing({ siteId, standing, here }: Adoption): string {
  const place = here.chain.seq === 0 ? 'no batch yet' : `batch ${toCount(here.chain.seq)}`;
  if (standing !== 'oneAhead') {
    return `Site ${siteId} and the remote stand at the same place of the custody chain (${place}). There is nothing to adopt.`;
  }
  return (
    `Site ${siteId} (${place}) is one batch behind the remote, and it was this site that sent it: its worker ended between ` +
    'the two commits. The next upload continues by itself. There is nothing to adopt.'
  );
}

const WHAT: Readonly<Record<Fence, string>> = {
  takenOver: 'another workflow has taken it over, on another Temporal cluster or namespace',
  behind: 'the remote has batches of this site that the local database does not know',
  remoteBehind: 'the remote lacks batches that this site has uploaded',
  diverged: 'the custody chain of the remote went another way than this site',
  notSigned: 'the newest custody record on the remote is not signed with a key of this site',
};

const ONE_ONLY =
  'Make sure that no copy of this site is at work under the same id (a cloned machine, the original beside a restored ' +
  'one). If one is, stop it or give it another METER_SYNC_SITE: else it is fenced in turn as soon as this one uploads.';

/** What only a person can know. */
const BEFORE: Readonly<Record<Fence, readonly string[]>> = {
  takenOver: [
    'Stop the other workflow on its own cluster or namespace (meter-sync stop there): two would fence each other in turn.',
  ],
  behind: ['If the local database was restored from an older backup, this is the way to go on.', ONE_ONLY],
  remoteBehind: [
    'If the remote was restored from an older backup: keep the damaged database or a newer backup until the missing readings are there again.',
    'If it is another database than before, fix POSTGRES_CLIENT_* instead.',
  ],
  diverged: [
    'If both databases were restored, this is the way to go on. Keep the newer backups until the readings of both are found.',
    ONE_ONLY,
  ],
  notSigned: [
    'If the local database was made anew, and not restored, it has another key than before: then this is the way to continue. verify cannot vouch for the records of the lost key.',
    'Otherwise somebody without the key of this site wrote that record. Do not accept it: ask who may write on the remote, and keep its tables as they are.',
    ONE_ONLY,
  ],
};

/** Days of a loss that are listed; the status and `--json` have more. */
const SHOWN_DAYS = 7;

/** What the missing batches held, and where it can come from. */
function describeMissing({ siteId, missing, kept }: Adoption): string[] {
  if (missing === null) return [];
  const { days } = missing;
  const shown = days.slice(0, SHOWN_DAYS).map(({ day, readings }) => `${day ?? 'without a day'}: ${toCount(readings)}`);
  const more = days.length > SHOWN_DAYS ? `, and ${days.length - SHOWN_DAYS} more days` : '';
  const next =
    kept.rows > 0
      ? `${toCount(kept.rows)} readings of these days are kept at the site. After adopt this sends them again: meter-sync resend --site ${siteId} --missing`
      : 'The missing readings have left this site, and none of those days is kept (METER_SYNC_READINGS_KEEP_DAYS). adopt does not bring them back: copy them from a backup, then run meter-sync verify.';
  return [
    `The remote lacks ${describeLost(missing)}, by UTC day: ${shown.join('; ')}${more}. The status says so until they are there again or written off.`,
    next,
  ];
}

function describePlaces({ here, there }: Adoption, now: number): string[][] {
  const { chain, state } = here;
  const { head } = there;
  const local =
    chain.seq === 0 && state.batch === 0
      ? 'nothing uploaded yet'
      : `batch ${toCount(chain.seq)}, removed here ${toInstant(chain.movedAt, now)}; ${toCount(state.rows)} readings uploaded in all`;
  if (head === null)
    return [
      ['here', local],
      ['remote', 'no record of this site'],
    ];
  const from = head.sentFrom === null ? '' : ` (address ${head.sentFrom})`;
  const sent = `batch ${toCount(head.seq)}, sent by ${head.sentBy}${from} ${toInstant(head.committedAt, now)}`;
  const newest =
    head.lastTimestamp === null ? [] : [['', `its newest reading is of ${toInstant(head.lastTimestamp, now)}`]];
  return [['here', local], ['remote', sent], ...newest];
}

function describeGap({ here, there, chainStanding, missing }: Adoption): string {
  const { seq, takenOverBy } = here.chain;
  const gap = (there.head?.seq ?? 0) - seq;
  const fence = typeof chainStanding === 'object' ? chainStanding.fence : null;
  if (fence === null) {
    return takenOverBy === null
      ? 'nothing'
      : `nothing in the chain; the other workflow uploads from ${takenOverBy.sentBy}, since ${takenOverBy.claimedAt}`;
  }
  if (fence === 'remoteBehind') {
    const what = missing === null ? '' : ` with ${toCount(missing.readings)} readings`;
    return `the remote lacks ${toCount(-gap)} ${batches(-gap)}${what}`;
  }
  if (fence === 'diverged')
    return `batch ${toCount(seq)} of the remote is not the one that this site knows; numbers differ by ${toCount(gap)}`;
  return `this database does not know ${toCount(gap)} ${batches(gap)}`;
}

function describeEffects({ there, chainStanding }: Adoption, fence: Fence): string[] {
  const { head } = there;
  const place = head === null ? 'the start of the chain' : `batch ${toCount(head.seq)} of the remote`;
  const moves = typeof chainStanding === 'object';
  return [
    ...(moves ? [`This site takes ${place} as its own; the next batch follows it.`] : []),
    ...(fence === 'takenOver' ? ['The claims of the other workflow are set aside.'] : []),
    ...(moves
      ? [
          'Readings that are here and on the remote already are compared by the next upload: the same ones are removed here, ' +
            'others go to quarantine. None is doubled, none is overwritten.',
        ]
      : []),
    'What the remote lacks is noted, and told until it is there again.',
    'Nothing is written to the remote, and no reading is removed by adopt itself.',
  ];
}

function batches(count: number): string {
  return count === 1 ? 'batch' : 'batches';
}
