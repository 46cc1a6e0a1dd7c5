import { convert } from './conversion.js';
import type { Side } from './failures.js';
import { byName, type Column, type QueueTable, type TableShape } from './table.js';

/** The form in which a batch crosses: binary wherever both ends mean the same bytes. */
type CopyFormat = 'binary' | 'text';

/** A column that travels. */
export interface TransferColumn {
  readonly name: string;
  /** Longer values must be refused, since the remote would cut blanks off their end; null: nothing to guard. */
  readonly maxLength: number | null;
}

/** What moves between two tables, and how. */
export interface Transfer {
  readonly columns: readonly TransferColumn[];
  readonly format: CopyFormat;
  /** Local columns, besides the flag, whose values the remote does not take: it has no such column, or computes its own. */
  readonly localOnly: readonly string[];
}

/** A difference between the two tables that keeps readings from moving. */
export interface Drift {
  /** The database where it can be mended first. */
  readonly side: Side;
  readonly column: string | null;
  /** One clause for people: what was found, and what is wanted. */
  readonly problem: string;
}

/** The two tables of readings, as their catalogues tell them. */
interface Ends {
  readonly queue: QueueTable;
  readonly local: TableShape;
  readonly remote: TableShape;
}

/**
 * Compares the two tables of readings: what travels, and every drift at once. With any drift nothing may move. The
 * columns stay in the order of the local catalogue. The flag never travels; a generated column is never written.
 */
export function compareEnds(ends: Ends): { readonly transfer: Transfer; readonly drifts: readonly Drift[] } {
  const { queue, local, remote } = ends;
  const remoteColumns = byName(remote.columns);
  const candidates = local.columns.filter(({ name }) => name !== queue.flag);
  const pairs = candidates.flatMap((column) => {
    const counterpart = remoteColumns.get(column.name);
    return counterpart === undefined || counterpart.isGenerated ? [] : [{ local: column, remote: counterpart }];
  });
  return {
    transfer: {
      columns: pairs.map(toTransferColumn),
      format: pairs.every(movesInBinary) ? 'binary' : 'text',
      localOnly: candidates
        .filter((column) => staysBehind(column, remoteColumns.get(column.name)))
        .map(({ name }) => name),
    },
    drifts: [
      ...findStorageDrifts(ends),
      ...findQueueDrifts(ends),
      ...findKeyDrifts(ends),
      ...findUnfilled(ends),
      ...pairs.flatMap(findTypeDrift),
    ],
  };
}

/** A value that both ends compute is computed again there. A number that each end gives by itself is another one there. */
function staysBehind(local: Column, remote: Column | undefined): boolean {
  if (remote === undefined) return true;
  return remote.isGenerated && (!local.isGenerated || local.isIdentity);
}

/** Where rows would not lie as a removal has to rely on. */
function findStorageDrifts({ local, remote }: Ends): Drift[] {
  const drifts: Drift[] = [];
  if (!local.isOwnTable) {
    const problem = 'in the local database it is a view or a foreign table, or has a foreign part; wanted: a table';
    drifts.push(drift('local', null, problem));
  }
  if (!remote.isDurable) {
    const problem = 'the remote table or a part of it is unlogged or temporary, so a crash there would empty it';
    drifts.push(drift('remote', null, problem));
  }
  return drifts;
}

interface Pair {
  readonly local: Column;
  readonly remote: Column;
}

function toTransferColumn({ local, remote }: Pair): TransferColumn {
  const conversion = convert(local.baseType, remote.baseType);
  return { name: local.name, maxLength: 'maxLength' in conversion ? conversion.maxLength : null };
}

function movesInBinary({ local, remote }: Pair): boolean {
  return convert(local.baseType, remote.baseType).by === 'binary' && local.isPortable && remote.isPortable;
}

function findTypeDrift({ local, remote }: Pair): Drift[] {
  const conversion = convert(local.baseType, remote.baseType);
  if (conversion.by !== 'nothing') return [];
  const types = `${local.baseType} locally and ${remote.baseType} remotely`;
  return [drift('remote', local.name, `column ${local.name} is ${types}, ${conversion.because}`)];
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
      drift('local', name, `key column ${name} may be null in the local table; wanted: not null`),
    ),
  ];
}

/** Without a unique key on the remote a batch that is sent twice would be there twice. */
function findKeyDrifts({ queue, remote }: Ends): Drift[] {
  const columns = byName(remote.columns);
  const missing = queue.key.filter((name) => !columns.has(name));
  if (missing.length > 0) return missing.map((name) => drift('remote', name, `the remote table has no column ${name}`));
  const generated = queue.key.filter((name) => columns.get(name)?.isGenerated === true);
  const drifts = generated.map((name) =>
    drift('remote', name, `key column ${name} is generated by the remote, which takes no value for it`),
  );
  if (remote.uniqueKeys.some((uniqueKey) => isSameSet(uniqueKey, queue.key))) return drifts;
  const key = queue.key.join(', ');
  return [
    ...drifts,
    drift('remote', null, `the remote table has no unique key on (${key}), so a double could slip in`),
  ];
}

/** Columns that the remote wants filled, and that nobody fills. */
function findUnfilled({ queue, local, remote }: Ends): Drift[] {
  const sent = new Set(local.columns.map(({ name }) => name).filter((name) => name !== queue.flag));
  return remote.columns
    .filter(({ name, notNull, hasDefault, isGenerated }) => !sent.has(name) && notNull && !hasDefault && !isGenerated)
    .filter(({ name }) => !queue.key.includes(name)) // a key column that is missing locally has been told already
    .map(({ name }) =>
      drift('remote', name, `remote column ${name} is not null and has no default, and the local table lacks it`),
    );
}

function drift(side: Side, column: string | null, problem: string): Drift {
  return { side, column, problem };
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}
