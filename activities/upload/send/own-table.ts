import type { FailureKind } from '../../../src/model/failures.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { withSavepoint } from '../../../src/postgres/savepoint.js';
import { execute, type Session } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { checkUploadRights, readEndFacts } from '../plan/end-facts.js';
import type { UploadPlan } from '../plan/plan-upload.js';

/**
 * Makes a temporary table of ours on the remote. When that is refused no reading is to blame: it is said what the user lacks,
 * or which rule of the database is in the way.
 * @throws DatabaseFailure `credentials`, `schema` - the remote's administrator must act; nothing moved
 * @throws DatabaseFailure `busy` - the server has no room for it now
 */
export async function createOwnTable(to: Session, plan: UploadPlan, table: Statement): Promise<void> {
  try {
    await withSavepoint(to, () => execute(to, table));
  } catch (error) {
    throw await explain(to, plan, error);
  }
}

async function explain(to: Session, { readings, transfer }: UploadPlan, error: unknown): Promise<unknown> {
  if (!(error instanceof DatabaseFailure) || (OF_SERVER.has(error.kind) && !error.isOfRow)) return error;
  const facts = await readEndFacts(to, readings);
  const { side } = to;
  checkUploadRights(facts, { readings, side, columns: transfer.columns.map(({ name }) => name) });
  const triggers = JSON.parse(facts.ddl_triggers) as string[];
  const { sqlstate, isOfRow } = error;
  const kind = error.kind === 'credentials' && !isOfRow ? 'credentials' : 'schema';
  const why = `${error.message}; the temporary table in which readings are checked one by one cannot be made`;
  if (triggers.length === 0) return new DatabaseFailure(kind, why, { side, sqlstate, cause: error });
  const message = `${why}. Event triggers that may refuse it: ${triggers.join(', ')}`;
  const next =
    'Ask the DBA of the remote database to let temporary tables through, or to run: ' +
    triggers.map((name) => `alter event trigger ${name} disable`).join('; ');
  return new DatabaseFailure(kind, message, { side, sqlstate, cause: error, next });
}

/** Troubles of a server or a link, which pass by themselves. */
const OF_SERVER = new Set<FailureKind>(['unreachable', 'busy', 'damaged']);
