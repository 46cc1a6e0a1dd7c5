import { type ChainWalk, isUnsummed } from '../../../src/model/chain-walk.js';
import {
  addTotal,
  type DayTotal,
  describeDay,
  describeOtherBytes,
  nameSites,
  type FoundDay,
  type MeterCount,
  NOTHING,
} from '../../../src/model/delivered-day.js';
import type { Doubt } from '../../../src/model/doubt.js';
import { type ColumnsNow, compareColumns, type HashedColumn } from '../../../src/model/hashed-column.js';
import type { Column } from '../../../src/model/table.js';
import type { DayQuestion, Whose } from './look-at-day.js';
import type { DeliveredByOthers } from './other-sites.js';

/**
 * How far a day was compared without a difference. `bytes`: the bytes of all readings, by a digest that nobody can meet with others.
 * `value`: the number and the sum of all stored values. `count`: the number alone.
 * `none`: it could not be compared, or is in doubt.
 */
export type Proof = 'bytes' | 'value' | 'count' | 'none';

/** One line of the comparison: what was delivered on a day, and what is there. */
export interface VerifiedDay {
  readonly day: string | null;
  /** By this site. */
  readonly delivered: number;
  /** Of the site's readings; null: nobody looked, see `reason`. */
  readonly found: number | null;
  /** Fewer and more than delivered, with the other sites' where only all can be compared; null: nobody looked. */
  readonly missing: number | null;
  readonly extra: number | null;
  readonly proof: Proof;
  readonly isProved: boolean;
  readonly isInDoubt: boolean;
  /** Why it is not proved as was asked, with the columns; null: it is, or a doubt says more. */
  readonly reason: string | null;
}

/** A day, and what is wrong with it. */
export interface Verified {
  readonly line: VerifiedDay;
  readonly doubts: readonly Doubt[];
}

/** What a day is compared with, all in one snapshot. */
export interface DayContext {
  readonly walk: ChainWalk;
  /** The columns that the remote table has now: a record may name others. */
  readonly columnsThere: ReadonlyMap<string, Column>;
  /** True when records are missing on the remote. */
  readonly lacksRecords: boolean;
  /** Why no day can be compared; null: nothing stands against it. */
  readonly obstacle: string | null;
  /** True when the site's meters tell its readings from those of others. */
  readonly isScoped: boolean;
  readonly look: (question: DayQuestion) => Promise<FoundDay>;
  readonly readMeters: () => Promise<readonly MeterCount[]>;
  readonly readOthers: () => Promise<DeliveredByOthers>;
  /** Reads the day's readings back and hashes their bytes; absent: values are proof enough. */
  readonly hash?: (columns: readonly HashedColumn[], whose: Whose) => Promise<{ rows: number; digest: string }>;
}

/**
 * Compares one day. It is proved when this site's meters have what this site delivered; and also when the table has what all
 * sites together delivered: meters move from site to site, and a reading's meter may be unknown here or missing.
 */
export async function verifyDay(context: DayContext, day: string | null): Promise<Verified> {
  const { whose, ...verified } = await compareDay(context, day);
  if (context.hash === undefined || verified.line.proof === 'none' || verified.line.delivered === 0) return verified;
  const delivered = context.walk.days.get(day) ?? NOTHING;
  const unhashed = findUnhashed(delivered, verified.line, whose);
  if (unhashed !== null) {
    const reason = verified.line.reason ?? unhashed;
    return { ...verified, line: { ...verified.line, isProved: false, reason } };
  }
  const found = await context.hash(delivered.columns ?? [], whose ?? 'all');
  if (found.digest === delivered.digest) return { ...verified, line: { ...verified.line, proof: 'bytes' } };
  const line: VerifiedDay = { ...verified.line, proof: 'none', isProved: false, isInDoubt: true, reason: null };
  return { line, doubts: [describeOtherBytes(day, delivered.rows)] };
}

/** Why the bytes of a day cannot be compared; null: they can. */
function findUnhashed({ digest }: DayTotal, { proof }: VerifiedDay, whose: Whose | undefined): string | null {
  if (proof !== 'value') return 'its values could not be compared';
  if (digest === null)
    return 'its custody records hold no day digest: they were not all written with METER_SYNC_CUSTODY=strong';
  return whose === undefined ? 'its readings cannot be told from those of other sites' : null;
}

/** A day compared by its values, and whose readings they were; undefined: those of several sites. */
async function compareDay(context: DayContext, day: string | null): Promise<Verified & { readonly whose?: Whose }> {
  const { walk, look, isScoped } = context;
  const delivered = walk.days.get(day) ?? NOTHING;
  const obstacle = isUnsummed(day, walk) ? 'readings were delivered without day sums' : context.obstacle;
  if (obstacle !== null) return { line: notLookedAt(day, delivered, obstacle), doubts: [] };

  const own = toComparison(delivered, context);
  const ways: readonly Whose[] = isScoped ? ['own', 'ownOrUnnamed'] : ['all'];
  const looks: FoundDay[] = [];
  for (const whose of ways) {
    const found = await look({ day, columns: own.columns, whose });
    const proof = judge(own, found);
    if (proof !== 'none') return { line: toLine(day, own, found, proof), doubts: [], whose };
    looks.push(found);
  }
  const [ownFound = NO_READINGS] = looks;
  const others = await context.readOthers();
  const all = toComparison(others.sites.length === 0 ? delivered : addTotal(delivered, others.total), context);
  const allFound = await look({ day, columns: all.columns, whose: 'all' });
  const proof = judge(all, allFound);
  if (proof !== 'none') {
    const line = toLine(day, { ...all, delivered }, { ...allFound, rows: delivered.rows }, proof);
    return { line: withoutVoucher(line, others), doubts: [] };
  }
  const [told, found] = others.sites.length > 0 || !isScoped ? [all, allFound] : [own, ownFound];
  const line = { ...toLine(day, told, found, 'none'), delivered: delivered.rows, found: ownFound.rows };
  return {
    line: { ...line, isInDoubt: true, reason: null },
    doubts: [await describe(day, told, found, others, context)],
  };
}

/** A day is no better proved than the records that explain it. */
function withoutVoucher(line: VerifiedDay, { unvouched }: DeliveredByOthers): VerifiedDay {
  const [site] = unvouched;
  if (site === undefined) return line;
  const reason =
    `explained only together with the records of ${nameSites(unvouched)}, whose key is not known here: ` +
    `give it to verify, as --key ${site}=KEY`;
  return { ...line, proof: 'none', isProved: false, reason };
}

const NO_READINGS: FoundDay = { rows: 0, sum: null };

/** A total as it can be compared with the table of today. */
interface Comparison {
  readonly delivered: DayTotal;
  /** Null: only the number can be compared. */
  readonly columns: DayTotal['columns'];
  readonly mayBeRewritten: boolean;
  /** Why the values cannot be compared, or could not where only the number agrees; null: nothing stands against it. */
  readonly reason: string | null;
}

function toComparison(delivered: DayTotal, { columnsThere }: DayContext): Comparison {
  if (delivered.rows === 0) return { delivered, columns: null, mayBeRewritten: false, reason: null };
  if (delivered.columns === null) {
    const reason = 'other columns were delivered in the course of the day';
    return { delivered, columns: null, mayBeRewritten: false, reason };
  }
  if (delivered.columns.length === 0) {
    return { delivered, columns: null, mayBeRewritten: false, reason: 'its list of columns cannot be read' };
  }
  const { canHash, mayBeRewritten, changed }: ColumnsNow = compareColumns(delivered.columns, columnsThere);
  const reason = changed.length === 0 ? null : changed.join(', ');
  return { delivered, columns: canHash ? delivered.columns : null, mayBeRewritten, reason };
}

/** Where one pass over the table sums up the columns of this site. */
const ONLY_COUNTED = 'other sites delivered other columns';

function judge({ delivered, columns, mayBeRewritten }: Comparison, found: FoundDay): Proof {
  if (found.rows !== delivered.rows) return 'none';
  if (columns === null || found.sum === null) return delivered.rows === 0 ? 'value' : 'count';
  if (found.sum === delivered.sum) return 'value';
  return mayBeRewritten ? 'count' : 'none';
}

function toLine(day: string | null, { delivered, reason }: Comparison, found: FoundDay, proof: Proof): VerifiedDay {
  const more = found.rows - delivered.rows;
  return {
    ...{ day, proof, delivered: delivered.rows, found: found.rows },
    missing: Math.max(0, -more),
    extra: Math.max(0, more),
    isProved: proof === 'value',
    isInDoubt: false,
    reason: proof === 'count' ? (reason ?? ONLY_COUNTED) : null,
  };
}

function notLookedAt(day: string | null, { rows }: DayTotal, reason: string): VerifiedDay {
  const unknown = { found: null, missing: null, extra: null };
  return { day, delivered: rows, ...unknown, proof: 'none', isProved: false, isInDoubt: false, reason };
}

async function describe(
  day: string | null,
  { delivered, columns }: Comparison,
  { rows }: FoundDay,
  { sites, leftOut }: DeliveredByOthers,
  { readMeters, walk, lacksRecords }: DayContext,
): Promise<Doubt> {
  const doubt = describeDay({
    ...{ day, delivered: delivered.rows, found: rows, isSummed: columns !== null },
    sharedWith: sites,
    meters: await readMeters(),
  });
  const notes = [
    ...(leftOut.length === 0
      ? []
      : [`; records of ${nameSites(leftOut)} count for nothing, since their chain is not whole`]),
    ...(lacksRecords && rows > delivered.rows
      ? ['; records are missing on the remote, which may have told of them']
      : []),
    ...(walk.doubts.some(({ what }) => what === 'record not signed')
      ? ['; records that this site has not signed count in the delivered ones']
      : []),
  ];
  return { ...doubt, message: `${doubt.message}${notes.join('')}` };
}
