import { compareEnds, type Drift, tellDrifts } from '../../../src/model/drift.js';
import { MAX_MESSAGE_LENGTH } from '../../../src/model/failures.js';
import { toHashedColumn } from '../../../src/model/hashed-column.js';
import {
  byName,
  type Column,
  type CustodyMode,
  hasUniqueKey,
  type QueueTable,
  type TableRef,
  type TableShape,
  toTableName,
} from '../../../src/model/table.js';
import type { Transfer } from '../../../src/model/transfer.js';
import { columnsDigest, columnsOfParts, readTableShape } from '../../../src/postgres/catalog.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { idents, literal, relation } from '../../../src/postgres/identifier.js';
import { HASHES_RECORDS } from '../../../src/postgres/row-hash.js';
import { type Database, run, type Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { plain } from '../../../src/postgres/statement.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import type { Log } from '../../attempt.js';
import type { DayPlan } from '../custody/day-sums.js';
import type { Queue } from '../queue/queue.js';
import { checkUploadRights, checkZone, type EndFacts, readEndFacts } from './end-facts.js';
import { type Overlap, planOverlap } from './overlap.js';
import { checkRemoval } from './removal.js';

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

/** What a run knows of both ends. It is made anew for each run, so that a change of a table is met at once. */
export interface UploadPlan extends UploadEnds {
  readonly queue: Queue;
  /** Of the site's table as it was planned for. */
  readonly shapeMark: string;
  /** Of the remote's table. */
  readonly remoteShapeMark: string;
  readonly transfer: Transfer;
  /**
   * True when an end confirms commits before they are on its disk, unless a transaction wants otherwise. A crash would then
   * take back what the other end has been told, and a site that has fallen back by two batches is fenced.
   */
  readonly localCommitsLate: boolean;
  readonly remoteCommitsLate: boolean;
  readonly overlap: Overlap;
  /** True when an index can serve every stretch of the queue. */
  readonly hasOrderIndex: boolean;
  readonly custody: CustodyMode;
  readonly days: DayPlan;
  /** What a kept reading is made of again, where it does not stay in its table. */
  readonly keptColumns: readonly string[];
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
  const { timeZone } = readings;
  const options = { isolation: 'repeatable read, read only', signal } as const;
  if (timeZone !== undefined) await withTransaction(local, options, (session) => checkZone(session, timeZone));
  const here = await withTransaction(local, options, (session) => readEnd(session, readings));
  const there = await withTransaction(remote, options, (session) => readEnd(session, readings));
  const { transfer, drifts } = compareEnds({ queue: readings, local: here.shape, remote: there.shape });
  if (drifts.length > 0) throw toFailure(readings, drifts);
  const sent = transfer.columns.map(({ name }) => name);
  const asked = [...sent, readings.order, ...(readings.flag === null ? [] : [readings.flag])];
  checkUploadRights(here.facts, { readings, side: 'local', columns: asked });
  checkUploadRights(there.facts, { readings, side: 'remote', columns: sent });
  checkRemoval(readings, here.facts.obstacles);
  checkKeeping(readings, here.shape);
  return {
    ...ends,
    queue: toQueue(readings, here.shape),
    shapeMark: here.shapeMark,
    remoteShapeMark: there.shapeMark,
    transfer,
    hasOrderIndex: here.facts.has_order_index === 'true',
    localCommitsLate: here.facts.commit_mode === 'off',
    remoteCommitsLate: there.facts.commit_mode === 'off',
    overlap: planOverlap(readings.key, { local: here.shape, remote: there.shape, allowed: there.facts.overlap }),
    custody: readings.custody ?? 'full',
    days: planDays(readings, transfer, { here, there }),
    keptColumns: [...new Set([...sent, ...readings.key, readings.order])],
    keyIsUnique: hasUniqueKey(here.shape, readings.key),
  };
}

/**
 * Makes sure that marked readings can be told from those that somebody else has marked, and found when their days are over.
 * @throws DatabaseFailure `schema` - the key is not unique at the site
 */
export function checkKeeping(readings: QueueTable, local: TableShape): void {
  const { table, key, flag, keepDays = 0 } = readings;
  if (keepDays === 0 || flag === null || hasUniqueKey(local, key)) return;
  const name = toTableName(table);
  const message = `local database: METER_SYNC_READINGS_KEEP_DAYS needs a unique key of ${name} (${key.join(', ')}), to remove kept readings and no others; none is uploaded`;
  const next = `Ask the DBA of the local database to run: create unique index concurrently on ${relation(table)} (${idents(key)}); or set METER_SYNC_READINGS_KEEP_DAYS to 0`;
  throw new DatabaseFailure('schema', message, { side: 'local', table: name, next });
}

/** What an end says of its table and of itself. */
interface End {
  readonly shape: TableShape;
  readonly shapeMark: string;
  readonly facts: EndFacts;
}

async function readEnd(session: Session, readings: QueueTable): Promise<End> {
  return {
    shape: await readTableShape(session, readings.table),
    facts: await readEndFacts(session, readings),
    shapeMark: await readShapeMark(session, readings),
  };
}

/** Values are hashed in the remote's types, since it is there that the sums are made again. */
function planDays(
  { order, custody = 'full' }: QueueTable,
  { columns: sent }: Transfer,
  { here, there }: { here: End; there: End },
): DayPlan {
  const remoteColumns = byName(there.shape.columns);
  const columns = sent.flatMap(({ name }) => remoteColumns.get(name) ?? []).map(toHashedColumn);
  const dayColumn = columns.find(({ name, type }) => name === order && IS_TIME.test(type)) ?? null;
  const canHash = [here, there].every(({ facts }) => Number(facts.version) >= HASHES_RECORDS);
  return { columns, dayColumn, sent, sums: custody === 'full' && canHash, isUtf8: here.facts.encoding === 'UTF8' };
}

const IS_TIME = /^(date$|timestamp)/;

/** The local queue, as the catalogue tells it. @throws DatabaseFailure `schema` - names the column that is not there */
export function toQueue(readings: QueueTable, local: TableShape): Queue {
  const columns = byName(local.columns);
  const find = (name: string): Column => {
    const column = columns.get(name);
    if (column !== undefined) return column;
    const table = toTableName(readings.table);
    const message = `local database: table ${table} has no column ${name}`;
    throw new DatabaseFailure('schema', message, { side: 'local', table, column: name });
  };
  const order = find(readings.order);
  return {
    readings,
    orderType: order.baseType,
    orderMayBeNull: !order.notNull,
    orderIsTime: IS_TIME.test(order.baseType),
    quarantineOf: null,
    keyTypes: readings.key.map((name) => find(name).baseType),
  };
}

function toFailure(readings: QueueTable, drifts: readonly Drift[]): DatabaseFailure {
  const table = toTableName(readings.table);
  const { side = null, column = null } = drifts[0] ?? {};
  const { problems, remedy } = tellDrifts(drifts, readings);
  const message = `no reading of ${table} can be uploaded: ${problems.join('; ')}`;
  const next = remedy === null ? {} : { next: toNext(remedy) };
  return new DatabaseFailure('schema', message, { side, table, column, ...next });
}

/** A status keeps what to do beside the message. A setting that was cut would be a wrong one. */
function toNext(remedy: string): string {
  if (remedy.length <= MAX_MESSAGE_LENGTH) return `${remedy}, then run: meter-sync check`;
  return "Ask the remote's DBA to add these columns to the remote table, or name them in METER_SYNC_READINGS_EXCEPT; the whole list: meter-sync check";
}

/** A mark of the columns that a table of readings has, as SQL: another one when they change, or those of a table that inherits. */
function shapeMark(table: TableRef): string {
  return `concat(${columnsDigest(table)}, ${columnsOfParts(`to_regclass(${literal(relation(table))})`)})`;
}

/** That mark in a transaction's snapshot. */
async function readShapeMark(session: Session, { table }: QueueTable): Promise<string> {
  const [row] = await run<{ mark: string }>(session, plain(`select ${shapeMark(table)} as mark`));
  return row?.mark ?? '';
}

/**
 * Makes sure that the site's table still has the columns that a run was planned for. A reading that was written with a
 * new column would else leave without it, and be removed.
 * @throws DatabaseFailure `busy` - the table was changed; the next attempt plans anew
 */
export async function checkShape(session: Session, readings: QueueTable, planned: string): Promise<void> {
  if ((await readShapeMark(session, readings)) === planned) return;
  const table = toTableName(readings.table);
  const message = `local database: the columns of ${table} were changed while it was being uploaded; it is read anew`;
  throw new DatabaseFailure('busy', message, { side: 'local', table });
}

/**
 * Commits at the remote with a check that its table still has the columns that a run was planned for: COPY would round into
 * a column that has become narrower since, in silence. Whoever has written into the table holds it until the commit, so
 * nothing changes between the check and that.
 * @param commit runs the check's statement in the message of its commit, which costs no trip
 * @throws DatabaseFailure `busy` - the table was changed; the next attempt plans anew
 */
export async function commitAsPlanned<Result>(
  { readings, remoteShapeMark }: UploadPlan,
  commit: (check: string) => Promise<Result>,
): Promise<Result> {
  // Without a function of ours a statement can fail by itself with few codes; this one is of no data, so of no reading.
  const isOther = `${shapeMark(readings.table)} <> ${literal(remoteShapeMark)}`;
  const check = `select case when ${isOther} then current_setting('meter_sync.is_changed') end`;
  try {
    return await commit(check);
  } catch (error) {
    if (!isChanged(error)) throw error;
    const table = toTableName(readings.table);
    const message = `remote database: the columns of ${table} were changed while readings arrived; it is read anew`;
    throw new DatabaseFailure('busy', message, { side: 'remote', table });
  }
}

function isChanged(error: unknown): boolean {
  return error instanceof DatabaseFailure && error.sqlstate === SQLSTATE.undefinedObject && !error.isOfRow;
}

/**
 * What was logged last about the tables of a site, by its local database: a worker opens that once, and a run plans
 * anew in each cycle. It only keeps a line from being said again, so it may be lost with the process.
 */
const lastSaid = new WeakMap<Database, string>();

/** Logs which columns the remote rounds, as the settings allow: once in a worker's life, and again when they are others. */
export function warnOnce({ local, readings, transfer }: UploadPlan, log: Log): void {
  const { rounded: columns } = transfer;
  const table = toTableName(readings.table);
  const said = JSON.stringify([table, columns]);
  if (lastSaid.get(local) === said) return;
  lastSaid.set(local, said);
  if (columns.length > 0)
    log.warn('columns are stored less exactly on the remote, as the settings allow', { table, columns });
}
