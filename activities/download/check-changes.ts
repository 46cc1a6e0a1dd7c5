import { toTableName } from '../../src/model/table.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import type { Session } from '../../src/postgres/session.js';
import type { ChangeCounts } from './changes.js';
import type { DownloadPlan } from './plan-download.js';

/**
 * Called once a download, when all its changes are known and none is applied: to throw is to change nothing.
 *
 * A remote table that is suddenly empty is a mistake far more often than an order to switch everything off. The guard of
 * a later version, which also minds a large share, will hold it for approval.
 * @throws DatabaseFailure `schema` - says how many rows are in use here
 */
export function checkChanges(_here: Session, plan: DownloadPlan, counts: ChangeCounts): Promise<void> {
  if (counts.remoteRows > 0 || counts.gone === 0) return Promise.resolve();
  const table = toTableName(plan.table);
  const { filter, absence } = plan;
  const rows = filter === null ? 'no row' : `no row of tenant ${filter.values.join(', ')}`;
  const wayOut =
    absence.rule === 'deactivate'
      ? `set ${absence.column} to ${absence.value} here by hand`
      : 'delete these rows here by hand';
  const message = `remote database: table ${table} has ${rows}, although ${counts.gone} are in use here; nothing was changed. If the remote has lost them, or hides them from this user, mend it there; if it is right, ${wayOut}`;
  return Promise.reject(new DatabaseFailure('schema', message, { side: 'remote', table }));
}
