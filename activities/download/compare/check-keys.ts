import type { Side } from '../../../src/model/failures.js';
import { toRows } from '../../../src/model/words.js';
import { toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident, idents, relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { plain } from '../../../src/postgres/statement.js';
import { keyHash } from '../plan/hashes.js';
import { isOwned } from '../plan/owned-rows.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { isExactKey, sameKey } from '../plan/row-terms.js';
import type { Sessions } from '../plan/sessions.js';
import { hashNames, STAGED } from './tables.js';

const MAX_NAMED_KEYS = 3;
const MAX_KEY_LENGTH = 100;

/**
 * Called when a key was seen more than once, or null: names it. Rows are matched by their key, so it must tell them apart at
 * both ends. The rows decide, not the indexes: the remote table may be a view.
 * @throws DatabaseFailure `schema` - names the table, the columns of its key and some keys that are there more than once
 * @throws DatabaseFailure `busy` - it is not so any more
 */
export async function checkKeys({ here, there }: Sessions, plan: DownloadPlan): Promise<never> {
  await checkEnd(there, plan);
  await checkEnd(here, plan);
  const table = toTableName(plan.table);
  throw new DatabaseFailure('busy', `table ${table} has changed while its keys were looked at`, {
    side: 'local',
    table,
  });
}

interface RepeatedKey {
  readonly key: string;
  readonly rows: string;
  readonly is_null: string;
  readonly keys: string;
}

/** Keys are what rows are named by, so they may be shown; no other value of a row is. */
async function checkEnd(session: Session, plan: DownloadPlan): Promise<void> {
  const hash = keyHash(plan, session.side, 'r');
  const repeated = await run<RepeatedKey>(
    session,
    plain(`
      select left(min(${keyText(plan, 'r')}), ${MAX_KEY_LENGTH}) as key, count(*)::text as rows, (${hash} is null)::text as is_null,
        count(*) over ()::text as keys
      from ${relation(plan.table)} as r
      where ${isOwned(plan.filter, 'r')}
      group by ${hash}
      having count(*) > 1 or ${hash} is null
      order by ${hash} is null desc, 1
      limit ${MAX_NAMED_KEYS}`),
  );
  const [first] = repeated;
  if (first === undefined) return;
  if (first.is_null === 'true') fail(plan, session.side, `has a null in ${toRows(Number(first.rows))}`);
  const named = repeated.map(({ key }) => `(${key})`).join(', ');
  const others = Number(first.keys) - repeated.length;
  const are = others > 0 ? `and ${others} others are` : repeated.length === 1 ? 'is' : 'are';
  fail(plan, session.side, `is not unique: ${named} ${are} there more than once`);
}

/**
 * Two keys that the local type reads as one would be one row, and a key that it changes would be a row of its own in each
 * download.
 * @param remoteKeys - SQL of the key hashes of all remote rows
 * @throws DatabaseFailure `schema` - names the table and the columns of its key
 */
export async function checkStagedKeys(here: Session, plan: DownloadPlan, remoteKeys: string): Promise<void> {
  if (isExactKey(plan)) return;
  const hash = `s.${ident(hashNames(plan).key)}`;
  const [changed] = await run<{ rows: string }>(
    here,
    plain(
      `select count(*)::text as rows from ${STAGED} as s where ${keyHash(plan, 'local', 's')} is distinct from ${hash}`,
    ),
  );
  if (changed === undefined || changed.rows === '0') return checkSpellings(here, plan, remoteKeys);
  const types = plan.key.map((name) => `${name} ${plan.columns.local.get(name)?.type ?? ''}`).join(', ');
  fail(plan, 'remote', `does not fit the types that it has here (${types}): ${changed.rows} keys would be others`);
}

/** Keys that are apart at the remote, and one to the `=` of the table here: its collation may take `a` for `A`. */
async function checkSpellings(here: Session, plan: DownloadPlan, remoteKeys: string): Promise<void> {
  const key = keyHash(plan, 'local', 'l');
  const found = await run<{ key: string }>(
    here,
    plain(`
      select min(${keyText(plan, 's')}) as key
      from ${STAGED} as s
      group by ${idents(plan.key, 's')}
      having count(*) > 1
      union all
      select ${keyText(plan, 's')}
      from ${STAGED} as s
      join ${relation(plan.table)} as l on ${sameKey(plan, 's', 'l')}
      where ${key} <> s.${ident(hashNames(plan).key)} and ${key} in (${remoteKeys})
      limit ${MAX_NAMED_KEYS}`),
  );
  if (found.length === 0) return;
  const named = found.map(({ key: text }) => `(${text.slice(0, MAX_KEY_LENGTH)})`).join(', ');
  fail(plan, 'local', `takes keys for one that are apart on the remote: ${named}`);
}

function keyText({ key }: DownloadPlan, alias: string): string {
  return `array_to_string(array[${key.map((name) => `${alias}.${ident(name)}::text`).join(', ')}], ', ')`;
}

function fail(plan: DownloadPlan, side: Side, problem: string): never {
  const table = toTableName(plan.table);
  const message = `${side} database: the key (${plan.key.join(', ')}) of table ${table} ${problem}; nothing was changed. Expected the columns of its primary key`;
  throw new DatabaseFailure('schema', message, { side, table });
}
