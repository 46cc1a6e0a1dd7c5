import { byName, type Column, type QueueTable, type TableShape } from './table.js';

/** Why the values of a local column would not reach the remote: each is a reason to stop before they are deleted. */
type DropReason =
  /** The remote table has no such column: it never had it, or it was dropped or renamed. */
  | 'missing'
  /** The remote computes or numbers the column by itself and accepts no values for it. */
  | 'generated'
  /** Only a table that inherits from the local one has it, so a query of the readings does not return it. */
  | 'inPart';

/** A local column whose values would be deleted at the site and stored nowhere. */
export interface DroppedColumn {
  readonly name: string;
  readonly reason: DropReason;
}

/** A number that the remote gives by itself is overridden in a key alone, which must be the same at both ends. */
export function takesValues({ name, isGenerated, isIdentity }: Column, { key }: QueueTable): boolean {
  return !isGenerated || (isIdentity && key.includes(name));
}

/**
 * True for a column that the settings keep at the site: the flag always, others by METER_SYNC_READINGS_EXCEPT. Without its key
 * a reading would be another one there, and without its order of no day: these travel even where a setting slipped through.
 */
export function isExcepted(name: string, { flag, key, order, except = [] }: QueueTable): boolean {
  return name === flag || (except.includes(name) && !key.includes(name) && name !== order);
}

/**
 * The local columns whose values would be lost with their reading, in the order of the catalogue. The settings may except
 * a column; one that the site computes from others is made of values that travel. The key is compared by itself.
 */
export function findDroppedColumns(
  queue: QueueTable,
  { local, remote }: { readonly local: TableShape; readonly remote: TableShape },
): DroppedColumn[] {
  const remoteColumns = byName(remote.columns);
  const measured = local.columns.filter((column) => !isComputed(column) && !queue.key.includes(column.name));
  const dropped = measured.flatMap(({ name }): DroppedColumn[] => {
    const counterpart = remoteColumns.get(name);
    if (counterpart === undefined) return [{ name, reason: 'missing' }];
    return takesValues(counterpart, queue) ? [] : [{ name, reason: 'generated' }];
  });
  const inParts = local.columnsOfParts.map((name): DroppedColumn => ({ name, reason: 'inPart' }));
  return [...dropped, ...inParts].filter(({ name }) => !isExcepted(name, queue));
}

/** A number that a database gives is no value computed from others: each end would give another one. */
function isComputed({ isGenerated, isIdentity }: Column): boolean {
  return isGenerated && !isIdentity;
}

/** What was found, one clause for each reason with all its columns. Empty when nothing would be lost. */
export function toDropProblems(dropped: readonly DroppedColumn[]): string[] {
  const clauses: readonly [DropReason, (names: string) => string][] = [
    ['missing', (names) => `the remote table has no ${names}`],
    ['generated', (names) => `the remote generates ${names} by itself and accepts no values`],
    ['inPart', (names) => `tables that inherit from the local table have ${names}, which it lacks`],
  ];
  return clauses.flatMap(([reason, toClause]) => {
    const names = dropped.filter((column) => column.reason === reason).map(({ name }) => name);
    const columns = `${names.length === 1 ? 'column' : 'columns'} ${names.join(', ')}`;
    return names.length === 0 ? [] : [`${toClause(columns)}, so these values would be lost`];
  });
}

/**
 * Both ways out, with the setting as it would have to be: the columns it names already stay in it. The order column has the
 * first way alone.
 */
export function toDropRemedy(dropped: readonly DroppedColumn[], { except = [], order }: QueueTable): string {
  const names = dropped.map(({ name }) => name);
  const columns = names.length === 1 ? 'as an ordinary column' : 'as ordinary columns';
  const inParts = dropped.some(({ reason }) => reason === 'inPart');
  const [dba, where] = inParts ? ['DBAs', 'the readings table at both ends'] : ["remote's DBA", 'the remote table'];
  const adding = `Ask the ${dba} to add ${names.join(', ')} to ${where} ${columns}`;
  if (names.includes(order)) return adding;
  const setting = [...except, ...names].map(toListed).join(',');
  return `${adding}. Or, if these values may be deleted with their readings, set METER_SYNC_READINGS_EXCEPT=${setting} and restart the worker`;
}

/** A name as a list of columns in the settings takes it. */
function toListed(name: string): string {
  return /[",\s]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
