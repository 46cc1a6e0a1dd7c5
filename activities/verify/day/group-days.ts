import type { FoundDay } from '../../../src/model/delivered-day.js';
import type { HashedColumn } from '../../../src/model/hashed-column.js';
import { ident, relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { readingHash, utcDay } from '../../custody/days/day-sums.js';
import type { DayColumn } from './day-column.js';
import type { DayAccess } from './day-index.js';
import { dayAfter, firstOf, isOwnMeter, type Place, type Whose } from './look-at-day.js';

/** What the table holds of each day. */
export type GroupedDays = ReadonlyMap<string | null, Readonly<Record<Whose, Group>>>;

interface Group extends FoundDay {
  readonly sum: bigint;
}

/** Which readings are grouped, and how they are hashed. */
interface Grouping {
  /** Null: they are only counted. */
  readonly columns: readonly HashedColumn[] | null;
  /** Days of the calendar, both included; null: no bound, and the readings of no day are there, too. */
  readonly from: string | null;
  readonly to: string | null;
}

/** Called before each part of the table is read; throws to stop. */
type OnPart = (done: number, total: number) => void;

/** So many blocks are read by one statement: some 0.1 s of work (64 MB). */
const BLOCKS = 8_192;

/**
 * Reads the table once and sums up all of its days, where no index leads to a single one: a scan for each day would read it as
 * often as it has days. It is read in parts, so that no statement takes long and a person can stop it; all in the session's
 * one snapshot, in which no row moves.
 */
export async function groupDays(
  session: Session,
  place: Place & { readonly dayColumn: DayColumn },
  access: DayAccess,
  grouping: Grouping,
  onPart: OnPart,
): Promise<GroupedDays> {
  const groups = new Map<string | null, Record<Whose, Group>>();
  const step = Math.max(1, Math.floor(BLOCKS / Math.max(1, access.parts)));
  const count = Math.max(1, Math.ceil(access.blocks / step));
  for (let part = 0; part < count; part += 1) {
    onPart(part, count);
    const blocks = { from: part * step, to: part + 1 === count ? null : (part + 1) * step };
    for (const row of await readPart(session, place, grouping, blocks)) add(groups, row);
  }
  onPart(count, count);
  return groups;
}

/** Whose a reading is: of the site's meters, without a meter, of others. */
type Kind = 'own' | 'unnamed' | 'other';

interface GroupRow {
  readonly day: string | null;
  readonly kind: Kind;
  readonly rows: string;
  readonly sum: string;
}

/** Rows of a partition stay where they are within a snapshot, so a range of blocks is that of each partition. */
async function readPart(
  session: Session,
  { readings, dayColumn, scope }: Place & { readonly dayColumn: DayColumn },
  { columns, from, to }: Grouping,
  blocks: { readonly from: number; readonly to: number | null },
): Promise<GroupRow[]> {
  const column = `r.${ident(dayColumn.name)}`;
  const conditions = [
    ...(blocks.from === 0 ? [] : [`r.ctid >= '(${blocks.from},0)'`]),
    ...(blocks.to === null ? [] : [`r.ctid < '(${blocks.to},0)'`]),
    ...(from === null ? [] : [`${column} >= ${firstOf(from, dayColumn)}`]),
    ...(to === null ? [] : [`${column} < ${dayAfter(to, dayColumn)}`]),
  ];
  const kind =
    scope === null
      ? `'own'`
      : `case when ${isOwnMeter(scope)} then 'own' when r.${ident(scope.column)} is null then 'unnamed' else 'other' end`;
  return run<GroupRow>(session, {
    text: `
      select g.day::text as day, g.kind, count(*)::text as rows, coalesce(sum(g.hash), 0)::text as sum
      from (
        select ${utcDay(dayColumn, 'r')} as day,
          ${kind} as kind,
          ${columns === null ? '0::bigint' : readingHash(columns, 'r')} as hash
        from ${relation(readings.table)} as r
        where ${conditions.length === 0 ? 'true' : conditions.join(' and ')}
        offset 0
      ) as g
      group by g.day, g.kind`,
    values: scope === null ? [] : [scope.meters],
  });
}

const NO_READINGS: Group = { rows: 0, sum: 0n };
const NONE: Readonly<Record<Whose, Group>> = { own: NO_READINGS, ownOrUnnamed: NO_READINGS, all: NO_READINGS };

const COUNTED_AS: Readonly<Record<Kind, readonly Whose[]>> = {
  own: ['own', 'ownOrUnnamed', 'all'],
  unnamed: ['ownOrUnnamed', 'all'],
  other: ['all'],
};

function add(groups: Map<string | null, Record<Whose, Group>>, { day, kind, rows, sum }: GroupRow): void {
  const group = { ...(groups.get(day) ?? NONE) };
  for (const whose of COUNTED_AS[kind]) {
    group[whose] = { rows: group[whose].rows + Number(rows), sum: group[whose].sum + BigInt(sum) };
  }
  groups.set(day, group);
}

/** What the groups say of a day. */
export function findGroup(groups: GroupedDays, day: string | null, whose: Whose): Group {
  return (groups.get(day) ?? NONE)[whose];
}
