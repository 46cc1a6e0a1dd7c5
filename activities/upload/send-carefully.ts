import { checkSent, type SentCounts, UnsettledBatch } from '../../src/model/custody.js';
import { toTableName } from '../../src/model/table.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { execute, run, type Session } from '../../src/postgres/session.js';
import type { Log } from '../attempt.js';
import type { UploadPlan } from './plan-upload.js';
import type { Stretch } from './queue.js';
import { copyStretch } from './send-fast.js';
import { compareStaged, createStaging, insertAbsent, selectConflicts, STAGING } from './staging.js';

/** Enough to find the cause; the log is no place for a list of keys. */
const SHOWN_CONFLICTS = 3;

/**
 * Sends a stretch of which some readings may be on the remote: through a staging table, where what is absent is inserted
 * and what is present is compared column by column. Equal content counts as already there.
 * @throws DatabaseFailure `data` - readings are there with other content; nothing is overwritten, all is rolled back
 */
export async function sendCarefully(
  from: Session,
  to: Session,
  plan: UploadPlan,
  stretch: Stretch,
  log: Log,
): Promise<SentCounts> {
  const { readings, transfer } = plan;
  const columns = transfer.columns.map(({ name }) => name);
  await execute(to, createStaging(readings, columns));
  const { sent, received } = await copyStretch(from, to, plan, stretch, STAGING);
  checkSent({ selected: sent, inserted: received, alreadyThere: 0 });
  const inserted = await execute(to, insertAbsent(readings, columns));
  const [compared] = await run<{ same: string; different: string }>(to, compareStaged(readings, columns));
  if (compared === undefined) throw new UnsettledBatch('the remote did not say how the readings compare');
  const different = Number(compared.different);
  if (different > 0) {
    // The quarantine will take these readings out of the batch here, and the rest goes on.
    await logConflicts(to, plan, columns, log);
    throw toConflict(plan, different, sent);
  }
  const counts = { selected: sent, inserted, alreadyThere: Number(compared.same) - inserted };
  checkSent(counts);
  return counts;
}

async function logConflicts(to: Session, { readings }: UploadPlan, columns: string[], log: Log): Promise<void> {
  const conflicts = await run<{ key: string; columns: string }>(
    to,
    selectConflicts(readings, columns, SHOWN_CONFLICTS),
  );
  log.warn('readings are on the remote with other content', {
    table: toTableName(readings.table),
    examples: conflicts.map((conflict) => ({
      key: JSON.parse(conflict.key) as string[],
      columns: JSON.parse(conflict.columns) as string[],
    })),
  });
}

function toConflict({ readings }: UploadPlan, different: number, selected: number): DatabaseFailure {
  const table = toTableName(readings.table);
  return new DatabaseFailure(
    'data',
    `remote database: ${different} of ${selected} readings are in ${table} already with other content; nothing was ` +
      `overwritten and nothing removed. The worker's log names some of their keys and the columns that differ`,
    { side: 'remote', table },
  );
}
