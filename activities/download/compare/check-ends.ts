import { toRows } from '../../../src/model/guard.js';
import type { Side } from '../../../src/model/failures.js';
import { type OwnedTable, toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident, idents, relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { keyHash } from './hashes.js';
import { sameKey } from './row-terms.js';
import type { Sessions } from './look.js';
import { hashNames, isOwned, LOCAL_ROWS, REMOTE_ROWS, STAGED, tryFilter } from './staging.js';

/**
 * A tenant that the filter's column cannot hold is a mistake of the settings, and no row's.
 * @throws DatabaseFailure `config` - names the tenant and the column
 */
export async function checkFilter(session: Session, owned: OwnedTable): Promise<void> {
  const { filter, table } = owned;
  if (filter === null) return;
  try {
    await run(session, tryFilter(owned));
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.kind !== 'data') throw error;
    const name = toTableName(table);
    const values = filter.values.map((value) => `'${value}'`).join(', ');
    const message = `${session.side} database: the tenant of the settings, ${values}, is no value of column ${filter.column} of table ${name}`;
    const place = { side: session.side, table: name, column: filter.column };
    throw new DatabaseFailure('config', message, { ...place, sqlstate: error.sqlstate, cause: error });
  }
}

/**
 * Rows are matched by their key, so it must tell them apart at both ends. The rows decide, not the indexes: the remote
 * table may be a view.
 * @throws DatabaseFailure `schema` - names the table, the columns of its key and some keys that are there more than once
 */
export async function checkKeys({ here, there }: Sessions, plan: DownloadPlan): Promise<void> {
  for (const [session, from] of [
    [there, REMOTE_ROWS],
    [here, LOCAL_ROWS],
  ] as const) {
    const repeated = await run<{ key_hash: string | null; rows: string }>(here, {
      text: `
        select key_hash::text as key_hash, count(*)::text as rows
        from ${from}
        group by key_hash
        having count(*) > 1 or key_hash is null
        order by key_hash nulls last`,
      values: [],
    });
    const [first] = repeated;
    if (first === undefined) continue;
    if (first.key_hash === null) fail(plan, session.side, `has a null in ${toRows(Number(first.rows))}`);
    const hashes = repeated.flatMap(({ key_hash: hash }) => hash ?? []);
    fail(plan, session.side, `is not unique: ${await nameKeys(session, plan, hashes)} there more than once`);
  }
}

const MAX_NAMED_KEYS = 3;
const MAX_KEY_LENGTH = 100;

/** Keys are what rows are named by, so they may be shown; no other value of a row is. */
async function nameKeys(session: Session, plan: DownloadPlan, hashes: readonly string[]): Promise<string> {
  const parts = plan.key.map((name) => `r.${ident(name)}::text`).join(', ');
  const found = await run<{ key: string }>(session, {
    text: `
      select distinct left(array_to_string(array[${parts}], ', '), ${MAX_KEY_LENGTH}) as key
      from ${relation(plan.table)} as r
      where ${isOwned(plan.filter, 'r')}
        and ${keyHash(plan, session.side, 'r')} in (${hashes.slice(0, MAX_NAMED_KEYS).join(', ')})
      order by 1`,
    values: [],
  });
  const named = found.map(({ key }) => `(${key})`).join(', ');
  const others = hashes.length - found.length;
  if (others > 0) return `${named} and ${others} others are`;
  return `${named} ${found.length === 1 ? 'is' : 'are'}`;
}

/**
 * Two keys that the local type reads as one would be one row, and a key that it changes would be a row of its own in each
 * download.
 * @throws DatabaseFailure `schema` - names the table and the columns of its key
 */
export async function checkStagedKeys(here: Session, plan: DownloadPlan): Promise<void> {
  const [changed] = await run<{ rows: string }>(here, {
    text: `
      select count(*)::text as rows from ${STAGED} as s
      where ${keyHash(plan, 'local', 's')} is distinct from s.${ident(hashNames(plan).key)}`,
    values: [],
  });
  if (changed === undefined || changed.rows === '0') return checkSpellings(here, plan);
  const types = plan.key.map((name) => `${name} ${plan.columns.local.get(name)?.type ?? ''}`).join(', ');
  fail(plan, 'remote', `does not fit the types that it has here (${types}): ${changed.rows} keys would be others`);
}

/** Keys that are apart at the remote, and one to the `=` of the table here: its collation may take `a` for `A`. */
async function checkSpellings(here: Session, plan: DownloadPlan): Promise<void> {
  const key = keyHash(plan, 'local', 'l');
  const found = await run<{ key: string }>(here, {
    text: `
      select array_to_string(array[${plan.key.map((name) => `min(s.${ident(name)}::text)`).join(', ')}], ', ') as key
      from ${STAGED} as s
      group by ${idents(plan.key, 's')}
      having count(*) > 1
      union all
      select array_to_string(array[${plan.key.map((name) => `s.${ident(name)}::text`).join(', ')}], ', ')
      from ${STAGED} as s
      join ${relation(plan.table)} as l on ${sameKey(plan, 's', 'l')}
      where ${key} <> s.${ident(hashNames(plan).key)} and ${key} in (select key_hash from ${REMOTE_ROWS})
      limit ${MAX_NAMED_KEYS}`,
    values: [],
  });
  if (found.length === 0) return;
  const named = found.map(({ key: text }) => `(${text.slice(0, MAX_KEY_LENGTH)})`).join(', ');
  fail(plan, 'local', `takes keys for one that are apart on the remote: ${named}`);
}

function fail(plan: DownloadPlan, side: Side, problem: string): never {
  const table = toTableName(plan.table);
  const message = `${side} database: the key (${plan.key.join(', ')}) of table ${table} ${problem}; nothing was changed. Wanted: the columns of its primary key`;
  throw new DatabaseFailure('schema', message, { side, table });
}
