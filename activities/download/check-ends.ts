import type { Side } from '../../src/model/failures.js';
import { type OwnedTable, toTableName } from '../../src/model/table.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { ident } from '../../src/postgres/identifier.js';
import { run, type Session } from '../../src/postgres/session.js';
import type { DownloadPlan } from './plan-download.js';
import { keyHash } from './row-hashes.js';
import { hashNames, LOCAL_ROWS, REMOTE_ROWS, STAGED, tryFilter } from './staging.js';

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
 * @throws DatabaseFailure `schema` - names the table and the columns of its key
 */
export async function checkKeys(here: Session, plan: DownloadPlan): Promise<void> {
  for (const [side, from] of [
    ['remote', REMOTE_ROWS],
    ['local', LOCAL_ROWS],
  ] as const) {
    const [bad] = await run<{ repeated: string; incomplete: string }>(here, {
      text: `
        select count(*) filter (where k.key_hash is not null)::text as repeated,
          coalesce(sum(k.rows) filter (where k.key_hash is null), 0)::text as incomplete
        from (select key_hash, count(*) as rows from ${from} group by key_hash having count(*) > 1 or key_hash is null) as k`,
      values: [],
    });
    if (bad === undefined || (bad.repeated === '0' && bad.incomplete === '0')) continue;
    const problem =
      bad.repeated === '0'
        ? `has a null in ${bad.incomplete} rows`
        : `is not unique: ${bad.repeated} keys are there more than once`;
    fail(plan, side, problem);
  }
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
  if (changed === undefined || changed.rows === '0') return;
  const types = plan.key.map((name) => `${name} ${plan.columns.local.get(name)?.type ?? ''}`).join(', ');
  fail(plan, 'remote', `does not fit the types that it has here (${types}): ${changed.rows} keys would be others`);
}

function fail(plan: DownloadPlan, side: Side, problem: string): never {
  const table = toTableName(plan.table);
  const message = `${side} database: the key (${plan.key.join(', ')}) of table ${table} ${problem}; nothing was changed. Wanted: the columns of its primary key`;
  throw new DatabaseFailure('schema', message, { side, table });
}
