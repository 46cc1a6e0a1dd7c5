import type { ChainWalk } from '../../../src/model/chain-walk.js';
import { isBefore, sortDays } from '../../../src/model/day-order.js';
import { type FoundDay, NOTHING } from '../../../src/model/delivered-day.js';
import type { Doubt } from '../../../src/model/doubt.js';
import { compareColumns, type HashedColumn } from '../../../src/model/hashed-column.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import type { Database, Session } from '../../../src/postgres/session.js';
import { walkToEnd } from '../../custody/proof/walk-chain.js';
import { type DayColumn, findDayColumn } from '../day/day-column.js';
import type { DayAccess } from '../day/day-index.js';
import { findGroup, type GroupedDays, groupDays } from '../day/group-days.js';
import { type DayQuestion, type Place, readMetersOfDay } from '../day/look-at-day.js';
import { type VerifiedDay, verifyDay } from '../day/verify-day.js';
import {
  type DaysQuestion,
  findStart,
  listAsked,
  toContext,
  type VerifiedDays,
  withSnapshot,
} from './days-question.js';

/** Somebody stopped it: nothing was compared yet. */
class Stopped extends Error {}

/** The meters of so many days in doubt are named, since each of them takes another scan of the table. */
const DAYS_WITH_METERS = 3;

/**
 * Compares all days in one snapshot, from sums that one pass over the table has made. Stopped before the pass has ended, it has
 * compared nothing, and the run that goes on begins it anew.
 */
export async function verifyInOnePass(
  remote: Database,
  walked: ChainWalk,
  question: DaysQuestion,
  access: DayAccess,
): Promise<VerifiedDays> {
  const { isStopped } = question;
  try {
    return await withSnapshot(remote, question, async (session) => {
      const walk = await walkToEnd(session, question.siteId, walked);
      return verifyGrouped(session, walk, question, access);
    });
  } catch (error) {
    if (!(error instanceof Stopped) && !isStopped()) throw error;
    return { days: [], doubts: [], isComplete: false, stoppedAfter: question.after, stoppedBy: null };
  }
}

async function verifyGrouped(
  session: Session,
  walk: ChainWalk,
  question: DaysQuestion,
  access: DayAccess,
): Promise<VerifiedDays> {
  const dayColumn = findDayColumn(walk, question.columnsThere);
  if (dayColumn.column === null) throw new DatabaseFailure('unexpected', 'remote database: the day column is gone', {});
  const place = { ...question, dayColumn: dayColumn.column };
  const asked = listAsked(walk, question);
  const passes = await readPasses(session, place, access, planPasses(walk, asked, question));
  const days: VerifiedDay[] = [];
  const doubts: Doubt[] = [];
  for (const day of listDays(walk, question, asked, passes)) {
    const { line, doubts: found } = await verifyDay(
      {
        ...toContext(session, question, { walk, dayColumn, day }),
        look: (looked) => Promise.resolve(lookIn(passes, looked)),
        readMeters: () =>
          doubts.length < DAYS_WITH_METERS ? readMetersOfDay(session, place, day) : Promise.resolve([]),
      },
      day,
    );
    days.push(line);
    doubts.push(...found);
  }
  return { days, doubts, isComplete: true, stoppedAfter: null, stoppedBy: null };
}

/** One pass over the table: how it hashes, and over which days. */
interface Pass {
  readonly columns: readonly HashedColumn[] | null;
  readonly from: string | null;
  readonly to: string | null;
  /** Null: all that were asked for. */
  readonly days: ReadonlySet<string | null> | null;
}

/**
 * The first pass counts the readings of all days asked for, and hashes as most of them need; another one follows for each other
 * list of columns, over its days alone: a chain has as many as its table had shapes.
 */
function planPasses(
  walk: ChainWalk,
  asked: readonly (string | null)[],
  { from, to, columnsThere }: DaysQuestion,
): Pass[] {
  const daysOf = new Map<string, { readonly columns: readonly HashedColumn[]; readonly days: (string | null)[] }>();
  for (const day of asked) {
    const columns = walk.days.get(day)?.columns ?? null;
    if (columns === null || !compareColumns(columns, columnsThere).canHash) continue;
    const key = JSON.stringify(columns);
    const list = daysOf.get(key) ?? { columns, days: [] };
    list.days.push(day);
    daysOf.set(key, list);
  }
  const [most, ...rest] = [...daysOf.values()].sort((a, b) => b.days.length - a.days.length);
  return [
    { columns: most?.columns ?? null, from, to, days: null },
    ...rest.map(({ columns, days }) => {
      const isPlain = days.every((day) => day !== null && /^\d{4}-\d\d-\d\d$/.test(day));
      const bounds = isPlain ? { from: days[0] ?? null, to: days.at(-1) ?? null } : { from: null, to: null };
      return { columns, ...bounds, days: new Set(days) };
    }),
  ];
}

/** What the passes found, the first one over all days. */
type Passes = readonly (Pass & { readonly groups: GroupedDays })[];

async function readPasses(
  session: Session,
  place: Place & DaysQuestion & { readonly dayColumn: DayColumn },
  access: DayAccess,
  passes: readonly Pass[],
): Promise<Passes> {
  const { isStopped, onProgress } = place;
  const read: (Pass & { groups: GroupedDays })[] = [];
  for (const [at, pass] of passes.entries()) {
    const groups = await groupDays(session, place, access, pass, (done, total) => {
      if (isStopped()) throw new Stopped();
      onProgress(at * total + done, passes.length * total);
    });
    read.push({ ...pass, groups });
  }
  return read;
}

/** A hash that no pass has made for the day is not compared: the number is, which each day has from the first pass. */
function lookIn(passes: Passes, { day, columns, whose }: DayQuestion): FoundDay {
  const key = JSON.stringify(columns);
  const hashed = passes.find((pass) => JSON.stringify(pass.columns) === key && pass.days?.has(day) !== false);
  if (columns !== null && hashed !== undefined) return findGroup(hashed.groups, day, whose);
  const { rows } = findGroup(passes[0]?.groups ?? new Map(), day, whose);
  return { rows, sum: null };
}

/** The days that were delivered, and those between and after them on which there are readings all the same. */
function listDays(
  walk: ChainWalk,
  question: DaysQuestion,
  asked: readonly (string | null)[],
  [first]: Passes,
): (string | null)[] {
  const start = findStart(walk, question) ?? asked[0];
  if (start === undefined || start === null) return [...asked];
  const between = [...(first?.groups ?? [])].flatMap(([day, { own }]) => {
    const isAsked = day !== null && isBefore(start, day) && (question.to === null || !isBefore(question.to, day));
    return isAsked && own.rows > 0 && (walk.days.get(day) ?? NOTHING).rows === 0 ? [day] : [];
  });
  return sortDays([...asked, ...between]);
}
