import { ident, literal, relation } from '../../../src/postgres/identifier.js';
import { isRowRefused } from '../../../src/postgres/isolate-culprits.js';
import { withSavepoint } from '../../../src/postgres/savepoint.js';
import { execute, run, type Session } from '../../../src/postgres/session.js';
import { STAGED } from '../compare/tables.js';
import { keyHash } from '../plan/hashes.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { sameKey } from '../plan/row-terms.js';
import type { Step } from './write-rows.js';

/**
 * Rows that exchange unique values among themselves can take them neither one by one nor, since a unique index looks at
 * each row as it is written, in one statement. So those that wait for one another alone give up their values first.
 * @param columns - those that the update sets
 * @param places - rows whose update another row's value has refused
 * @returns the places of the rows that were updated
 */
export async function exchangeNames(
  here: Session,
  plan: DownloadPlan,
  { update, columns }: { readonly update: Step; readonly columns: readonly string[] },
  places: readonly string[],
): Promise<readonly string[]> {
  const given = [...new Set(plan.uniqueValues.flat())].filter((name) => columns.includes(name));
  const circle = given.length === 0 || places.length < 2 ? [] : await findCircle(here, plan, places);
  if (circle.length < 2) return [];
  try {
    await withSavepoint(here, async () => {
      await execute(here, { text: giveUp(plan, given), values: [circle] });
      await execute(here, update.write(circle));
    });
    return circle;
  } catch (error) {
    if (!isRowRefused(error)) throw error;
    return []; // a column that takes no value in between, or another constraint: they stay refused
  }
}

/** Without the rows whose values are held by a row that does not move, and those that wait for such a row. */
async function findCircle(here: Session, plan: DownloadPlan, places: readonly string[]): Promise<readonly string[]> {
  const holders: { place: string; holder: string }[] = [];
  for (const columns of plan.uniqueValues) holders.push(...(await findHolders(here, plan, { columns, places })));
  let circle = [...places];
  for (;;) {
    const isFree = (place: string): boolean =>
      holders.every((row) => row.place !== place || circle.includes(row.holder));
    const rest = circle.filter(isFree);
    if (rest.length === circle.length) return circle;
    circle = rest;
  }
}

/** For each of the rows the one that has its value here; `-` for one that is not among them. */
function findHolders(
  here: Session,
  plan: DownloadPlan,
  { columns, places }: { readonly columns: readonly string[]; readonly places: readonly string[] },
): Promise<{ place: string; holder: string }[]> {
  const table = relation(plan.table);
  const isHeld = columns.map((name) => `l.${ident(name)} = s.${ident(name)}`).join(' and ');
  return run(here, {
    text: `
      select s.ctid::text as place, coalesce(h.ctid::text, '-') as holder
      from ${STAGED} as s
      join ${table} as l on ${isHeld} and not (${sameKey(plan, 's', 'l')})
      left join ${STAGED} as h on ${sameKey(plan, 'h', 'l')}
      where s.ctid = any($1::tid[])`,
    values: [places],
  });
}

function giveUp(plan: DownloadPlan, columns: readonly string[]): string {
  const nothing = (name: string): string =>
    plan.columns.local.get(name)?.notNull === true
      ? `concat(${literal('meter-sync: exchanged ')}, ${keyHash(plan, 'local', 'l')})`
      : 'null';
  return `
    update ${relation(plan.table)} as l
    set ${columns.map((name) => `${ident(name)} = ${nothing(name)}`).join(', ')}
    from ${STAGED} as s
    where ${sameKey(plan, 's', 'l')} and s.ctid = any($1::tid[])`;
}
