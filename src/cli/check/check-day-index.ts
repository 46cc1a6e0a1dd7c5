import { hasDays } from '../../../activities/verify/day/day-column.js';
import { createDayIndex, readDayAccess } from '../../../activities/verify/day/day-index.js';
import { byName, type QueueTable, type TableShape, toTableName } from '../../model/table.js';
import type { Database } from '../../postgres/session.js';
import { withTransaction } from '../../postgres/transaction.js';
import type { Findings } from './finding.js';

/** So many blocks are read in about a second: 1 GB. */
const LARGE_BLOCKS = 131_072;

/** Tells how `verify` will read the remote table. An index costs each upload something, so a small table needs none. */
export async function checkDayIndex(
  remote: Database,
  { readings, shape, largeBlocks = LARGE_BLOCKS }: { readings: QueueTable; shape: TableShape; largeBlocks?: number },
  findings: Findings,
): Promise<void> {
  const order = byName(shape.columns).get(readings.order);
  const hasSums = readings.custody !== 'off' && readings.custody !== 'chain';
  if (order === undefined || !hasDays(order) || !hasSums || !shape.isOwnTable) return;
  const access = await withTransaction(remote, { isolation: 'read committed' }, (session) =>
    readDayAccess(session, readings, order.name),
  );
  const table = toTableName(readings.table);
  if (access.hasIndex) return findings.ok(`${table}: an index leads verify to each day of the remote table`);
  const reads = `${table}: no index of the remote table begins with ${order.name}, so verify reads all of it once`;
  if (access.blocks < largeBlocks) return findings.ok(`${reads}, which is quick as long as it is small`);
  const when = access.isPartitioned ? ', at a time when nothing is written, which it holds up' : '';
  findings.warning(
    reads,
    `If verify takes too long, ask the remote's DBA to run${when}: ${createDayIndex(readings, order.name, access)}`,
  );
}
