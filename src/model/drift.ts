import {
  type DroppedColumn,
  findDroppedColumns,
  isExcepted,
  takesValues,
  toDropProblems,
  toDropRemedy,
} from './dropped-column.js';
import type { Side } from './failures.js';
import { byName, hasUniqueKey, type QueueTable, type TableShape } from './table.js';
import { isRounded, movesInBinary, type Pair, toPair, toTransferColumn, type Transfer } from './transfer.js';

/** Something about the two tables that people are told. */
interface Difference {
  /** The database where it can be mended first. */
  readonly side: Side;
  readonly column: string | null;
  /** One clause for people: what was found, and what is wanted. */
  readonly problem: string;
}

/** A difference between the two tables that keeps readings from moving. */
export interface Drift extends Difference {
  /** The local column whose values would be lost with their reading; absent: the drift is another one. */
  readonly dropped?: DroppedColumn;
}

/** Two tables of readings, compared. */
export interface Comparison {
  readonly transfer: Transfer;
  /** Local columns that stay behind because METER_SYNC_READINGS_EXCEPT names them: their values are lost knowingly. */
  readonly excepted: readonly string[];
  /** With any of these nothing may move. */
  readonly drifts: readonly Drift[];
  /** Values that the remote may refuse one by one, or stores less exactly as the settings allow. */
  readonly warnings: readonly Difference[];
}

/** The two tables of readings, as their catalogues tell them. */
interface Ends {
  readonly queue: QueueTable;
  readonly local: TableShape;
  readonly remote: TableShape;
}

/**
 * Compares the two tables of readings: what travels, and every drift at once. The columns stay in the order of the local
 * catalogue. The flag and excepted columns never travel; a computed column is never written. Every other local column
 * travels, or is a drift: the site deletes what was uploaded, so a value that did not travel would be lost.
 */
export function compareEnds(ends: Ends): Comparison {
  const { queue, local, remote } = ends;
  const remoteColumns = byName(remote.columns);
  const candidates = local.columns.filter(({ name }) => !isExcepted(name, queue));
  const pairs = candidates.flatMap((column) => {
    const counterpart = remoteColumns.get(column.name);
    return counterpart === undefined || !takesValues(counterpart, queue) ? [] : [toPair(column, counterpart)];
  });
  const format = pairs.every(movesInBinary) ? 'binary' : 'text';
  return {
    transfer: {
      columns: pairs.map((pair) => toTransferColumn(pair, queue, format)),
      format,
      rounded: pairs.filter(isRounded).map(({ local: { name } }) => name),
    },
    excepted: [...local.columns.map(({ name }) => name), ...local.columnsOfParts].filter(
      (name) => name !== queue.flag && isExcepted(name, queue),
    ),
    drifts: [
      ...findStorageDrifts(ends),
      ...findDroppedColumns(queue, ends).map(toDrift),
      ...findQueueDrifts(ends),
      ...findKeyDrifts(ends),
      ...findUnfilled(ends),
      ...pairs.flatMap((pair) => findTypeDrift(pair, queue)),
    ],
    warnings: pairs.flatMap(findRefusals),
  };
}

function toDrift(dropped: DroppedColumn): Drift {
  const [problem = ''] = toDropProblems([dropped]);
  return { ...drift(dropped.reason === 'inPart' ? 'local' : 'remote', dropped.name, problem), dropped };
}

/** Drifts as people are told of them. */
interface ToldDrifts {
  /** Columns that would be lost for one reason share a clause, so that a message has room for all of them. */
  readonly problems: readonly string[];
  /** The ways out for columns that would be lost; null: there are none. */
  readonly remedy: string | null;
}

/** What the drifts say to people. */
export function tellDrifts(drifts: readonly Drift[], queue: QueueTable): ToldDrifts {
  const dropped = drifts.flatMap((one) => one.dropped ?? []);
  const others = drifts.filter((one) => one.dropped === undefined).map(({ problem }) => problem);
  return {
    problems: [...toDropProblems(dropped), ...others],
    remedy: dropped.length === 0 ? null : toDropRemedy(dropped, queue),
  };
}

/** Where rows would not lie as a removal has to rely on. */
function findStorageDrifts({ local, remote }: Ends): Drift[] {
  const drifts: Drift[] = [];
  if (!local.isOwnTable) {
    const problem = 'in the local database it is a view or a foreign table, or has a foreign part; expected a table';
    drifts.push(drift('local', null, problem));
  }
  if (!remote.isDurable) {
    const problem = 'the remote table or a part of it is unlogged or temporary, so a crash there would empty it';
    drifts.push(drift('remote', null, problem));
  }
  return drifts;
}

function findTypeDrift({ local, remote, conversion }: Pair, queue: QueueTable): Drift[] {
  const { name } = local;
  const types = `column ${name} is ${local.baseType} locally and ${remote.baseType} remotely`;
  const refuse = (because: string): Drift[] => [drift('remote', name, `${types}, ${because}`)];
  if (conversion.by === 'nothing') return refuse(conversion.because);
  if (conversion.crossesZone === true && queue.timeZone === undefined) {
    return refuse('which needs the time zone that is meant: set METER_SYNC_READINGS_TIME_ZONE');
  }
  if (conversion.rounds === undefined) return [];
  if (queue.key.includes(name)) return refuse(`${conversion.rounds}, so two readings could become one: a key must not`);
  if (queue.mayRound?.includes(name) === true) return [];
  return refuse(`${conversion.rounds}; expected the same type, or the column in METER_SYNC_READINGS_ALLOW_ROUNDING`);
}

function findRefusals({ local, remote, conversion }: Pair): Difference[] {
  if (conversion.by === 'nothing' || conversion.refuses === undefined) return [];
  const types = `${local.baseType} locally and ${remote.baseType} remotely`;
  const { name } = local;
  return [drift('remote', name, `column ${name} is ${types}, ${conversion.refuses}: a reading with more is refused`)];
}

/** The columns that make the local table a queue. */
function findQueueDrifts({ queue, local }: Ends): Drift[] {
  const columns = byName(local.columns);
  const wanted = [queue.order, ...(queue.flag === null ? [] : [queue.flag]), ...queue.key];
  const missing = [...new Set(wanted)].filter((name) => !columns.has(name));
  const nullable = queue.key.filter((name) => columns.get(name)?.notNull === false);
  return [
    ...missing.map((name) => drift('local', name, `the local table has no column ${name}`)),
    ...nullable.map((name) =>
      drift('local', name, `key column ${name} may be null in the local table; expected not null`),
    ),
  ];
}

/** Without a unique key on the remote a batch that is sent twice would be there twice. */
function findKeyDrifts({ queue, remote }: Ends): Drift[] {
  const columns = byName(remote.columns);
  const missing = queue.key.filter((name) => !columns.has(name));
  if (missing.length > 0) return missing.map((name) => drift('remote', name, `the remote table has no column ${name}`));
  const generated = queue.key.filter((name) => {
    const column = columns.get(name);
    return column !== undefined && !takesValues(column, queue);
  });
  const drifts = generated.map((name) =>
    drift('remote', name, `key column ${name} is generated by the remote, which takes no value for it`),
  );
  if (hasUniqueKey(remote, queue.key)) return drifts;
  const key = queue.key.join(', ');
  const problem = remote.isOwnTable
    ? `the remote table has no unique key on (${key}), so a double could slip in`
    : `in the remote database it is a view or a foreign table, which has no unique key on (${key}); expected the table itself`;
  return [...drifts, drift('remote', null, problem)];
}

/** Columns that the remote wants filled, and that nobody fills. */
function findUnfilled({ queue, local, remote }: Ends): Drift[] {
  const sent = new Set(local.columns.map(({ name }) => name).filter((name) => !isExcepted(name, queue)));
  return remote.columns
    .filter(({ name, notNull, hasDefault, isGenerated }) => !sent.has(name) && notNull && !hasDefault && !isGenerated)
    .filter(({ name }) => !queue.key.includes(name)) // a key column that is missing locally has been told already
    .map(({ name }) => {
      const reason = isExcepted(name, queue) ? 'the settings keep it at the site' : 'the local table lacks it';
      return drift('remote', name, `remote column ${name} is not null and has no default, and ${reason}`);
    });
}

function drift(side: Side, column: string | null, problem: string): Difference {
  return { side, column, problem };
}
