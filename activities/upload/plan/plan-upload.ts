import { compareEnds, type Drift, tellDrifts } from '../../../src/model/drift.js';
import { MAX_MESSAGE_LENGTH, type Side } from '../../../src/model/failures.js';
import { toHashedColumn } from '../../../src/model/hashed-column.js';
import {
  byName,
  type Column,
  type CustodyMode,
  hasUniqueKey,
  type QueueTable,
  type TableShape,
  toTableName,
} from '../../../src/model/table.js';
import { findUnhashable, type Transfer } from '../../../src/model/transfer.js';
import { readTableShape } from '../../../src/postgres/catalog.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { idents, relation } from '../../../src/postgres/identifier.js';
import { HASHES_RECORDS } from '../../../src/postgres/row-hash.js';
import { TEXT_FORMS } from '../../../src/postgres/text-forms.js';
import type { Database, Session } from '../../../src/postgres/session.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import type { Log } from '../../attempt.js';
import type { DayPlan } from '../../custody/days/day-sums.js';
import type { Queue } from '../queue/queue.js';
import { readCuts } from '../queue/sections.js';
import { checkUploadRights, checkZone, type EndFacts, readEndFacts } from './end-facts.js';
import { type Overlap, planOverlap } from './overlap.js';
import { checkRemoval } from './removal.js';
import { readMark } from './table-mark.js';

/** The two databases of an upload, and its table of readings. */
export interface UploadEnds {
  readonly local: Database;
  readonly remote: Database;
  readonly readings: QueueTable;
  /** Batches under way at once; 2 unless told. */
  readonly batchesInFlight?: number;
  /** How long a batch waits for a lock at the remote; as every transaction unless told. */
  readonly lockTimeoutMs?: number;
}

/** What a run knows of both ends: see `known-plan.ts` for how long. */
export interface UploadPlan extends UploadEnds {
  readonly queue: Queue;
  /** Of both tables as they were planned for: see `table-mark.ts`. */
  readonly marks: Readonly<Record<Side, string>>;
  readonly transfer: Transfer;
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
  const here = await withTransaction(local, { ...options, opening: TEXT_FORMS }, (session) =>
    readSite(session, readings),
  );
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
    queue: toQueue(readings, here.shape, here.cuts),
    marks: { local: here.mark, remote: there.mark },
    transfer,
    hasOrderIndex: here.facts.has_order_index === 'true',
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
  readonly mark: string;
  readonly facts: EndFacts;
}

async function readEnd(session: Session, readings: QueueTable): Promise<End> {
  return {
    shape: await readTableShape(session, readings.table),
    facts: await readEndFacts(session, readings),
    mark: await readMark(session, readings.table),
  };
}

/** In a session that has set its text forms: cuts are read as they are printed. */
async function readSite(session: Session, readings: QueueTable): Promise<End & { readonly cuts: readonly string[] }> {
  const end = await readEnd(session, readings);
  return { ...end, cuts: await readCutsOf(session, readings, end.shape) };
}

async function readCutsOf(session: Session, readings: QueueTable, { columns }: TableShape): Promise<readonly string[]> {
  const order = columns.find(({ name }) => name === readings.order);
  return order === undefined ? [] : readCuts(session, readings, toOrderType(order));
}

/** Values are hashed in the remote's types, since it is there that the sums are made again. */
function planDays(
  { order, custody = 'full' }: QueueTable,
  transfer: Transfer,
  { here, there }: { here: End; there: End },
): DayPlan {
  const { columns: sent } = transfer;
  const remoteColumns = byName(there.shape.columns);
  const columns = sent.flatMap(({ name }) => remoteColumns.get(name) ?? []).map(toHashedColumn);
  const dayColumn = columns.find(({ name, type }) => name === order && IS_TIME.test(type)) ?? null;
  const canHash = [here, there].every(({ facts }) => Number(facts.version) >= HASHES_RECORDS);
  const sums = SUMS.has(custody) && canHash;
  const digests = custody === 'strong' && findUnhashable(transfer) === null;
  return { columns, dayColumn, sent, sums, digests: sums && digests, isUtf8: here.facts.encoding === 'UTF8' };
}

const SUMS: ReadonlySet<CustodyMode> = new Set(['full', 'strong']);

const IS_TIME = /^(date$|timestamp)/;

/**
 * The local queue, as the catalogue tells it; for a session that has set its text forms.
 * @throws DatabaseFailure `schema` - there is no such table, or it lacks a column
 */
export async function readQueue(session: Session, readings: QueueTable): Promise<Queue> {
  const shape = await readTableShape(session, readings.table);
  return toQueue(readings, shape, await readCutsOf(session, readings, shape));
}

function toQueue(readings: QueueTable, local: TableShape, cuts: readonly string[]): Queue {
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
    orderType: toOrderType(order),
    orderMayBeNull: !order.notNull,
    orderIsTime: IS_TIME.test(order.baseType),
    quarantineOf: null,
    keyTypes: readings.key.map((name) => find(name).type),
    cuts,
  };
}

/** As SQL; of an instant it is told by its name whether it has a zone. */
function toOrderType({ type, baseType }: Column): string {
  return IS_TIME.test(baseType) ? baseType : type;
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

/**
 * What was logged last about the tables of a site, by its local database: a worker opens its pool once, and a run plans
 * anew in each cycle. It only keeps a line from being said again, so it may be lost with the process.
 */
const lastSaid = new WeakMap<Database['pool'], string>();

/** Logs which columns the remote rounds, as the settings allow: once in a worker's life, and again when they are others. */
export function warnOnce({ local, readings, transfer }: UploadPlan, log: Log): void {
  const { rounded: columns } = transfer;
  const table = toTableName(readings.table);
  const said = JSON.stringify([table, columns]);
  if (lastSaid.get(local.pool) === said) return;
  lastSaid.set(local.pool, said);
  if (columns.length > 0)
    log.warn('columns are stored less exactly on the remote, as the settings allow', { table, columns });
}
