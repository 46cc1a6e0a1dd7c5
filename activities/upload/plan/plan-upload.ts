import { toHashedColumn } from '../../../src/model/hashed-column.js';
import { compareEnds, type Drift } from '../../../src/model/drift.js';
import type { Transfer } from '../../../src/model/transfer.js';
import {
  byName,
  type CustodyMode,
  hasUniqueKey,
  type QueueTable,
  type TableShape,
  toTableName,
} from '../../../src/model/table.js';
import { readTableShape } from '../../../src/postgres/catalog.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { HASHES_RECORDS } from '../../../src/postgres/row-hash.js';
import type { Database } from '../../../src/postgres/session.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { readShapeMark } from './check-shape.js';
import { checkZone } from './check-zone.js';
import type { DayPlan } from '../custody/day-sums.js';
import { type Overlap, planOverlap } from './overlap.js';
import type { Queue } from '../queue/queue.js';
import { checkStanding, readStanding, type Standing } from './rights.js';

/** The two databases of an upload, and its table of readings. */
export interface UploadEnds {
  readonly local: Database;
  readonly remote: Database;
  readonly readings: QueueTable;
  /** Batches under way at once; 2 unless told. */
  readonly batchesInFlight?: number;
  /** How long a batch waits for a lock while another one streams; `LOCK_TIMEOUT_MS` unless told. */
  readonly lockTimeoutMs?: number;
}

/** What a drain knows of both ends. It is made anew for each drain, so that a change of a table is met at once. */
export interface UploadPlan extends UploadEnds {
  readonly queue: Queue;
  /** Of the site's table as it was planned for. */
  readonly shapeMark: string | null;
  readonly transfer: Transfer;
  /** True when an end confirms commits before they are on its disk, unless a transaction wants otherwise. */
  readonly localCommitsLate: boolean;
  readonly remoteCommitsLate: boolean;
  readonly overlap: Overlap;
  /** True when an index can serve every stretch of the queue. */
  readonly hasOrderIndex: boolean;
  readonly custody: CustodyMode;
  readonly days: DayPlan;
  /** False where two readings of the site may have one key. */
  readonly keyIsUnique: boolean;
}

/**
 * Reads both catalogues and compares the tables of readings.
 * @throws DatabaseFailure `schema` - names every difference that keeps readings from moving, before anything moves
 * @throws DatabaseFailure `credentials` - says what is to be granted, before anything moves
 * @throws DatabaseFailure `config` - the time zone of the settings is none for the local server
 */
export async function planUpload(ends: UploadEnds, signal: AbortSignal): Promise<UploadPlan> {
  const { local, remote, readings } = ends;
  const options = { isolation: 'repeatable read, read only', signal } as const;
  const readEnd = (database: Database): Promise<readonly [TableShape, Standing | undefined, string | null]> =>
    withTransaction(database, options, async (session) => [
      await readTableShape(session, readings.table),
      await readStanding(session, readings),
      await readShapeMark(session, readings),
    ]);
  const { timeZone } = readings;
  if (timeZone !== undefined) await withTransaction(local, options, (session) => checkZone(session, timeZone));
  const [localShape, here, shapeMark] = await readEnd(local);
  const [remoteShape, there] = await readEnd(remote);
  const { transfer, drifts } = compareEnds({ queue: readings, local: localShape, remote: remoteShape });
  if (drifts.length > 0) throw toFailure(readings, drifts);
  const sent = transfer.columns.map(({ name }) => name);
  const asked = [...sent, readings.order, ...(readings.flag === null ? [] : [readings.flag])];
  checkStanding(here, { readings, side: 'local', columns: asked });
  checkStanding(there, { readings, side: 'remote', columns: sent });
  const custody = readings.custody ?? 'full';
  const canHash = [here, there].every((standing) => Number(standing?.version) >= HASHES_RECORDS);
  return {
    ...ends,
    queue: toQueue(readings, localShape),
    shapeMark,
    transfer,
    hasOrderIndex: here?.has_order_index === 'true',
    localCommitsLate: here?.commit_mode === 'off',
    remoteCommitsLate: there?.commit_mode === 'off',
    overlap: planOverlap(readings.key, {
      local: localShape,
      remote: remoteShape,
      allowed: there?.overlap ?? 'arrived',
    }),
    custody,
    days: {
      ...planDays(readings, transfer, remoteShape),
      sums: custody === 'full' && canHash,
      isUtf8: here?.encoding === 'UTF8',
    },
    keyIsUnique: hasUniqueKey(localShape, readings.key),
  };
}

/** Values are hashed in the remote's types, since it is there that the sums are made again. */
function planDays(
  { order }: QueueTable,
  { columns: sent }: Transfer,
  remote: TableShape,
): Omit<DayPlan, 'sums' | 'isUtf8'> {
  const remoteColumns = byName(remote.columns);
  const columns = sent.flatMap(({ name }) => remoteColumns.get(name) ?? []).map(toHashedColumn);
  const dayColumn = columns.find(({ name, type }) => name === order && IS_TIME.test(type)) ?? null;
  return { columns, dayColumn, sent };
}

const IS_TIME = /^(date$|timestamp)/;

/** The local queue, as the catalogue tells it. */
export function toQueue(readings: QueueTable, local: TableShape): Queue {
  const columns = byName(local.columns);
  const order = columns.get(readings.order);
  if (order === undefined) throw missingColumn(readings, readings.order);
  return {
    readings,
    orderType: order.baseType,
    orderMayBeNull: !order.notNull,
    orderIsTime: IS_TIME.test(order.baseType),
    quarantineOf: null,
    keyTypes: readings.key.map((name) => {
      const column = columns.get(name);
      if (column === undefined) throw missingColumn(readings, name);
      return column.baseType;
    }),
  };
}

function missingColumn({ table }: QueueTable, column: string): DatabaseFailure {
  const name = toTableName(table);
  return new DatabaseFailure('schema', `local database: table ${name} has no column ${column}`, {
    side: 'local',
    table: name,
    column,
  });
}

function toFailure({ table }: QueueTable, drifts: readonly Drift[]): DatabaseFailure {
  const name = toTableName(table);
  const { side = null, column = null } = drifts[0] ?? {};
  const problems = drifts.map(({ problem }) => problem).join('; ');
  return new DatabaseFailure('schema', `no reading of ${name} can be uploaded: ${problems}`, {
    side,
    table: name,
    column,
  });
}
