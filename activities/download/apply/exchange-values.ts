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
  const given = [...new Set(rules.flatMap(({ columns }) => columns))].filter((name) => update.columns.includes(name));
  const question = { rules, update, places };
  const rings = orderExchange(await withSavepoint(here, () => findHolders(here, plan, question)).catch(isUnknown));
  const exchange = (part: readonly Ring[]): Promise<readonly string[]> =>
    exchangeRings(here, plan, { rings: part, given, update });
  const { results } = await isolateCulprits(here, rings, exchange, { isCulprit: isNotTaken });
  return new Set(results.flat());
}

/** A value in between may be one that its type, a check or a trigger refuses, or an expression that this type does not have. */
function isNotTaken(error: unknown): error is DatabaseFailure {
  return isRowRefused(error) || (error instanceof DatabaseFailure && error.kind === 'schema');
}

/** An expression of an index that cannot be computed here leaves the rows refused, and no more. */
function isUnknown(error: unknown): ReadonlyMap<string, readonly string[]> {
  if (!isNotTaken(error)) throw error;
  return new Map();
}

interface Exchange {
  readonly rings: readonly Ring[];
  /** The columns in which a row may be moved out of the way. */
  readonly given: readonly string[];
  readonly update: Update;
}

async function exchangeRings(here: Session, plan: DownloadPlan, exchange: Exchange): Promise<readonly string[]> {
  const { rings, given, update } = exchange;
  const moved = rings.flatMap(({ movedFirst }) => movedFirst);
  const steps = Array.from({ length: Math.max(...rings.map((ring) => ring.steps.length)) }, (_, at) =>
    rings.flatMap((ring) => ring.steps[at] ?? []),
  );
  const place = `s.${ident(freeName(plan, 'place'))}`;
  const moves = given.flatMap((column) =>
    spareValues(plan, column, moved.length, place).map((value) => moveAway(plan, column, value)),
  );
  let refused: unknown = new DatabaseFailure('data', 'local database: no column in which the rows could be moved', {});
  for (const text of moved.length === 0 ? [null] : moves) {
    try {
      await withSavepoint(here, async () => {
        if (text !== null) await execute(here, { text, values: [moved] });
        let written = 0;
        for (const step of steps) written += await execute(here, update.step.write(step));
        if (written !== steps.flat().length) throw leftOut(plan);
      });
      return steps.flat();
    } catch (error) {
      if (!isNotTaken(error)) throw error;
      refused = error;
    }
  }
  throw refused;
}

/** A row that the table's trigger leaves as it is would stay with a value in between. */
function leftOut(plan: DownloadPlan): DatabaseFailure {
  const place = { side: 'local', table: toTableName(plan.table) } as const;
  return new DatabaseFailure('data', 'local database: a trigger of the table has left a row out', place);
}

function moveAway(plan: DownloadPlan, column: string, value: string): string {
  const number = `row_number() over ()::integer as ${ident(freeName(plan, 'place'))}`;
  return `
    update ${relation(plan.table)} as l
    set ${ident(column)} = ${value}
    from (select ${idents(plan.key)}, ${number} from ${STAGED} where ctid = any($1::tid[])) as s
    where ${sameKey(plan, 's', 'l')}`;
}

interface Question {
  readonly rules: readonly UniqueRule[];
  readonly update: Update;
  readonly places: readonly string[];
}

/** For each of the rows those that have a value here which it wants; `-` for one that is not updated. */
async function findHolders(
  here: Session,
  plan: DownloadPlan,
  { rules, update, places }: Question,
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (rules.length === 0) return new Map();
  const text = rules.map((rule) => selectHolders(plan, rule, update.columns)).join(' union ');
  const select = run<{ place: string; holder: string }>(here, { text, values: [places] });
  const holders = new Map(places.map((place) => [place, [] as string[]]));
  for (const { place, holder } of await select) holders.get(place)?.push(holder);
  return holders;
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
