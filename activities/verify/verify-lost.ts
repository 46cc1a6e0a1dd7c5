import { addDay, NOTHING } from '../../src/model/delivered-day.js';
import type { ChainWalk } from '../../src/model/chain-walk.js';
import { isBefore } from '../../src/model/day-order.js';
import type { Doubt } from '../../src/model/doubt.js';
import { describeLost } from '../../src/model/lost.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import type { Database } from '../../src/postgres/session.js';
import { withConnection } from '../../src/postgres/transaction.js';
import { type LostDay, noteFound, readLost, readLostDays } from '../upload/keep/lost.js';
import type { DaysQuestion, VerifiedDays } from './days/days-question.js';
import { verifyDays } from './days/verify-days.js';

/** What the remote has lost, as the site remembers it. */
export interface KnownLosses {
  /** Missing still. */
  readonly open: readonly LostDay[];
  /** Put back by somebody, and found by an earlier verification: delivered, though no record there tells of them. */
  readonly found: readonly LostDay[];
}

/** Reads what the site remembers of losses that a comparison of days depends on. */
export async function readKnownLosses(local: Database, siteId: string): Promise<KnownLosses> {
  const days = await readLostDays(local, siteId);
  return { open: days.filter(({ isFound }) => !isFound), found: days.filter(({ isFound }) => isFound) };
}

/** A chain, and beside its records what the site has delivered in records that the remote has no more. */
export function withLost(walk: ChainWalk, lost: readonly LostDay[]): ChainWalk {
  const days = new Map(walk.days);
  for (const { day, sum, ...more } of lost) {
    if (sum !== null) days.set(day, addDay(days.get(day) ?? NOTHING, { ...more, sum }));
  }
  return { ...walk, days };
}

/**
 * Looks whether lost readings are on the remote again: a day that has, beside what the records tell, exactly the lost ones, in number
 * and in the sum of their values. The site notes it, and so the loss of that day has ended. What is missing still stays a doubt.
 * @param compared the days as the records tell them
 */
export async function verifyLost(
  { local, remote }: { readonly local: Database; readonly remote: Database },
  {
    walk,
    lost,
    question,
  }: { readonly walk: ChainWalk; readonly lost: readonly LostDay[]; readonly question: DaysQuestion },
  compared: VerifiedDays,
): Promise<VerifiedDays> {
  if (lost.length === 0) return compared;
  const { siteId } = question;
  const names = new Set(lost.map(({ day }) => day));
  const again = await verifyDays(remote, withLost(walk, lost), { ...question, ...toRange(names, question) });
  const found = again.days.filter(({ day, isProved }) => names.has(day) && isProved);
  const refusal = await note(
    local,
    siteId,
    found.map(({ day }) => day),
  );
  const isFound = ({ day }: { readonly day: string | null }): boolean => found.some((line) => line.day === day);
  const others = compared.days.filter((line) => !isFound(line));
  const left = await withConnection(local, {}, (session) => readLost(session, siteId));
  const doubts = compared.doubts.filter((doubt) => doubt.what !== 'readings differ' || !isFound(doubt));
  return {
    ...compared,
    days: [...others, ...found].sort((a, b) => (isBefore(a.day, b.day) ? -1 : 1)),
    doubts: left === null ? doubts : [...doubts, toDoubt(siteId, describeLost(left), refusal)],
  };
}

/** No more days than those of the loss, as far as they can be named. */
function toRange(
  names: ReadonlySet<string | null>,
  { from, to, after }: DaysQuestion,
): Pick<DaysQuestion, 'from' | 'to'> {
  const days = [...names].flatMap((day) => day ?? []).sort();
  const isPlain = days.length === names.size && days.every((day) => /^\d{4}-\d\d-\d\d$/.test(day));
  if (!isPlain || from !== null || to !== null || after !== null) return { from, to };
  return { from: days[0] ?? null, to: days.at(-1) ?? null };
}

/** Answers with why it could not be noted, for a user who may only read; null: it was. */
async function note(local: Database, siteId: string, days: readonly (string | null)[]): Promise<string | null> {
  if (days.length === 0) return null;
  try {
    await noteFound(local, siteId, days);
    return null;
  } catch (error) {
    if (error instanceof DatabaseFailure && error.kind === 'credentials') return error.message;
    throw error;
  }
}

function toDoubt(siteId: string, lost: string, refusal: string | null): Doubt {
  const message = `the remote was restored from an older backup and lacks ${lost}`;
  const next = `meter-sync resend --site ${siteId} --missing; what is not kept must be copied back from a backup, and verify finds it then`;
  if (refusal === null) return { what: 'lost at the remote', day: null, message, next };
  const hint = `Run meter-sync verify --site ${siteId} as the user of the worker, who may note it`;
  return {
    what: 'lost at the remote',
    day: null,
    message: `${message}; what is there again could not be noted: ${refusal}`,
    next: hint,
  };
}
