import { orderExchange, type Ring } from '../../../src/model/exchange-order.js';
import { toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident, idents, relation } from '../../../src/postgres/identifier.js';
import { isolateCulprits, isRowRefused } from '../../../src/postgres/isolate-culprits.js';
import { withSavepoint } from '../../../src/postgres/savepoint.js';
import { execute, run, type Session } from '../../../src/postgres/session.js';
import { readUniqueRules, type UniqueRule } from '../../../src/postgres/unique-rules.js';
import { STAGED } from '../compare/tables.js';
import { type DownloadPlan, freeName } from '../plan/plan-download.js';
import { sameKey } from '../plan/row-terms.js';
import { spareValues } from './spare-values.js';
import type { Step } from './write-rows.js';

/** How rows are updated. */
interface Update {
  readonly step: Step;
  /** The columns that it sets. */
  readonly columns: readonly string[];
}

/**
 * Rows that exchange unique values among themselves can take them neither one by one nor, since an index looks at each row as it is
 * written, in one statement. So one row of each ring is moved out of the way first: it gets a value in between, which nobody sees, as
 * the same transaction gives it its own.
 *
 * Rejected: to delete the rows and insert them again, which knows no types. It needs a right that the worker has not else, fires what
 * the site does to rows that go away, and a reading that names such a meter and is written meanwhile would be refused.
 * @param places - rows whose update the value of another one has refused
 * @returns the places of the rows that were updated; the others are as they were
 */
export async function exchangeValues(
  here: Session,
  plan: DownloadPlan,
  update: Update,
  places: readonly string[],
): Promise<ReadonlySet<string>> {
  if (places.length < 2) return new Set();
  const rules = (await readUniqueRules(here, plan.table)).filter(({ columns }) =>
    columns.some((name) => update.columns.includes(name)),
  );
  const question = { rules, update, places };
  const { holders, met } = await withSavepoint(here, () => findHolders(here, plan, question)).catch(isUnknown);
  const given = update.columns.filter((name) => met.some(({ columns }) => columns.includes(name)));
  const exchange = (rings: readonly Ring[]): Promise<readonly string[]> =>
    exchangeRings(here, plan, { rings, given, update });
  const { results } = await isolateCulprits(here, orderExchange(holders), exchange, { isCulprit: isNotTaken });
  return new Set(results.flat());
}

/** A value in between may be one that its type, a check or a trigger refuses, or an expression that this type does not have. */
function isNotTaken(error: unknown): error is DatabaseFailure {
  return isRowRefused(error) || (error instanceof DatabaseFailure && error.kind === 'schema');
}

/** An expression of an index that cannot be computed here leaves the rows refused, and no more. */
function isUnknown(error: unknown): Holders {
  if (!isNotTaken(error)) throw error;
  return { holders: new Map(), met: [] };
}

interface Exchange {
  readonly rings: readonly Ring[];
  /** The columns in which a row is moved out of the way. */
  readonly given: readonly string[];
  readonly update: Update;
}

/** @throws DatabaseFailure - the rows cannot take their values so */
async function exchangeRings(
  here: Session,
  plan: DownloadPlan,
  { rings, given, update }: Exchange,
): Promise<readonly string[]> {
  const moved = rings.flatMap(({ movedFirst }) => movedFirst);
  const length = Math.max(...rings.map(({ steps }) => steps.length));
  const steps = Array.from({ length }, (_, at) => rings.flatMap((ring) => ring.steps[at] ?? []));
  if (moved.length > 0) for (const column of given) await moveAway(here, plan, column, moved);
  let written = 0;
  for (const step of steps) written += await execute(here, update.step.write(step));
  if (written !== steps.flat().length) throw leftOut(plan); // it would stay with a value in between
  return steps.flat();
}

/** A column that takes no value in between stays as it is: others may do, or else the next step is refused. */
async function moveAway(here: Session, plan: DownloadPlan, column: string, rows: readonly string[]): Promise<void> {
  const place = ident(freeName(plan, 'place'));
  for (const value of spareValues(plan, column, rows.length, `s.${place}`)) {
    const text = `
      update ${relation(plan.table)} as l
      set ${ident(column)} = ${value}
      from (select ${idents(plan.key)}, row_number() over ()::integer as ${place} from ${STAGED} where ctid = any($1::tid[])) as s
      where ${sameKey(plan, 's', 'l')} and l.${ident(column)} is distinct from ${value}`;
    const move = async (): Promise<void> => {
      if ((await execute(here, { text, values: [rows] })) !== rows.length) throw leftOut(plan);
    };
    try {
      return await withSavepoint(here, move);
    } catch (error) {
      if (!isNotTaken(error)) throw error;
    }
  }
}

function leftOut(plan: DownloadPlan): DatabaseFailure {
  const place = { side: 'local', table: toTableName(plan.table) } as const;
  return new DatabaseFailure('data', 'local database: a row has stayed as it is', place);
}

interface Question {
  readonly rules: readonly UniqueRule[];
  readonly update: Update;
  readonly places: readonly string[];
}

interface Holders {
  /** For each of the rows those that have a value here which it wants; `-` for one that is not updated. */
  readonly holders: ReadonlyMap<string, readonly string[]>;
  /** The rules by which they wait for one another. */
  readonly met: readonly UniqueRule[];
}

async function findHolders(here: Session, plan: DownloadPlan, { rules, update, places }: Question): Promise<Holders> {
  const holders = new Map(places.map((place) => [place, [] as string[]]));
  const met = new Set<UniqueRule>();
  for (const rule of rules) {
    const statement = { text: selectHolders(plan, rule, update.columns), values: [places] };
    for (const { place, holder } of await run<{ place: string; holder: string }>(here, statement)) {
      holders.get(place)?.push(holder);
      met.add(rule);
    }
  }
  return { holders, met: [...met] };
}

/** The rule's own terms, of a row as it is to be (`wanted`) and of those that are here (`had`). */
function selectHolders(plan: DownloadPlan, rule: UniqueRule, columns: readonly string[]): string {
  const { parts, predicate, nullsCollide } = rule;
  const terms = [...parts.map(({ text }, at) => `${text} as part_${at}`), `${predicate} as holds`].join(', ');
  const termsOf = (aliasOf: (column: string) => string): string =>
    `(select ${terms} from (select ${rule.columns.map((name) => `${aliasOf(name)}.${ident(name)}`).join(', ')}) as r)`;
  const collide = parts.map(({ operator }, at) => {
    const [wanted, had] = [`wanted.part_${at}`, `had.part_${at}`];
    const areEqual = `${wanted} ${operator} ${had}`;
    return nullsCollide ? `(${areEqual} or ${wanted} is null and ${had} is null)` : areEqual;
  });
  return `
    select s.ctid::text as place, coalesce(h.ctid::text, '-') as holder
    from ${STAGED} as s
    join ${relation(plan.table)} as o on ${sameKey(plan, 's', 'o')}
    cross join lateral ${termsOf((name) => (columns.includes(name) ? 's' : 'o'))} as wanted
    join ${relation(plan.table)} as l on not (${sameKey(plan, 's', 'l')})
    cross join lateral ${termsOf(() => 'l')} as had
    left join ${STAGED} as h on ${sameKey(plan, 'h', 'l')}
    where s.ctid = any($1::tid[]) and wanted.holds and had.holds and ${collide.join(' and ')}`;
}
