import type { Side } from '../../src/model/failures.js';
import { type OwnedTable, toTableName } from '../../src/model/table.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { relation } from '../../src/postgres/identifier.js';
import { run, type Session } from '../../src/postgres/session.js';
import { countInUse } from './changes.js';
import type { DownloadPlan } from './plan-download.js';
import { countBadKeys, STAGED, tryFilter } from './staging.js';

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
    const message = `${session.side} database: the tenant of the settings, '${filter.value}', is no value of column ${filter.column} of table ${name}`;
    const place = { side: session.side, table: name, column: filter.column };
    throw new DatabaseFailure('config', message, { ...place, sqlstate: error.sqlstate, cause: error });
  }
}

/**
 * Rows are matched by their key, so it must tell them apart at both ends. The rows decide, not the indexes: the remote
 * table may be a view, and the local type may read two remote keys as one.
 * @throws DatabaseFailure `schema` - names the table and the key
 */
export async function checkKeys(here: Session, plan: DownloadPlan): Promise<void> {
  await checkKey(here, plan, { side: 'remote', from: STAGED });
  await checkKey(here, plan, { side: 'local', from: relation(plan.table) });
}

async function checkKey(here: Session, plan: DownloadPlan, rows: { side: Side; from: string }): Promise<void> {
  const [bad] = await run<{ repeated: string; incomplete: string }>(here, countBadKeys(plan, rows.from));
  if (bad === undefined || (bad.repeated === '0' && bad.incomplete === '0')) return;
  const table = toTableName(plan.table);
  const problem =
    bad.repeated === '0'
      ? `has a null in ${bad.incomplete} rows`
      : `is not unique: ${bad.repeated} keys are there more than once`;
  const message = `${rows.side} database: the key (${plan.key.join(', ')}) of table ${table} ${problem}; nothing was changed. Wanted: the columns of its primary key`;
  throw new DatabaseFailure('schema', message, { side: rows.side, table });
}

/**
 * A remote table that is suddenly empty is a mistake far more often than an order to switch everything off. The guard of
 * a later version, which also minds a large share, will hold it for approval.
 * @throws DatabaseFailure `schema` - says how many rows are in use here
 */
export async function checkNotEmptied(here: Session, plan: DownloadPlan, remoteCount: number): Promise<void> {
  if (remoteCount > 0) return;
  const [local] = await run<{ rows: string }>(here, countInUse(plan));
  if (local === undefined || local.rows === '0') return;
  const table = toTableName(plan.table);
  const rows = plan.filter === null ? 'no row' : `no row of tenant ${plan.filter.value}`;
  const wayOut =
    plan.activity === null ? 'delete these rows here by hand' : `set ${plan.activity} to false here by hand`;
  const message = `remote database: table ${table} has ${rows}, although ${local.rows} are in use here; nothing was changed. If the remote has lost them, or hides them from this user, mend it there; if it is right, ${wayOut}`;
  throw new DatabaseFailure('schema', message, { side: 'remote', table });
}
