import type { Side } from '../../../src/model/failures.js';
import { type Column, type OwnedTable, toTableName } from '../../../src/model/table.js';
import { parseType } from '../../../src/model/type-name.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';

/** The columns of both ends, by name. */
export type EndColumns = { readonly [side in Side]: ReadonlyMap<string, Column> };

const SIDES = ['local', 'remote'] as const;

/** An identity column takes a value when it is told to; a computed one never does. */
export function isWritable({ isGenerated, isIdentity }: Column): boolean {
  return !isGenerated || isIdentity;
}

/**
 * All that keeps a table from being downloaded, each with its end and its column.
 * @param before - the columns that the last download carried; null: not known
 */
export function findProblems(
  owned: OwnedTable,
  columns: EndColumns,
  before: readonly string[] | null,
): DatabaseFailure[] {
  const missing = (side: Side, name: string, why: string): DatabaseFailure[] =>
    columns[side].has(name) ? [] : [toProblem(owned, side, name, `has no column ${name}, ${why}`)];
  const filter = owned.filter?.column;
  return [
    ...SIDES.flatMap((side) => [
      ...owned.key.flatMap((name) => missing(side, name, 'which the settings name as its key')),
      ...(filter === undefined ? [] : missing(side, filter, 'by which the settings choose the rows of a tenant')),
      ...(owned.only ?? []).flatMap((name) => missing(side, name, 'which the settings name to be copied')),
    ]),
    ...owned.key.flatMap((name) => {
      const column = columns.local.get(name);
      if (column === undefined || isWritable(column)) return [];
      return [toProblem(owned, 'local', name, `computes key column ${name}, and takes no value from the remote`)];
    }),
    ...owned.key
      .filter((name) => owned.secret?.includes(name) === true)
      .map((name) =>
        toProblem(owned, 'local', name, `${SECRET_KEY}: take ${name} out of "secret" in METER_SYNC_TABLES`),
      ),
    ...findLost(owned, columns, before ?? []),
    ...findIncompatible(owned, columns),
  ];
}

const SECRET_KEY = 'has a key that cannot be secret, since rows are named by it';

/** True for a column that the settings leave alone. Those of the key and of the filter are always copied. */
export function isLeftOut(owned: OwnedTable, name: string): boolean {
  if (owned.filter?.column === name) return false;
  return !owned.key.includes(name) && (owned.except?.includes(name) === true || owned.only?.includes(name) === false);
}

/** Its values would stay as they are at the site, and grow old without a word. */
function findLost(owned: OwnedTable, columns: EndColumns, before: readonly string[]): DatabaseFailure[] {
  const isNeeded = (name: string): boolean =>
    owned.key.includes(name) || owned.filter?.column === name || owned.only?.includes(name) === true;
  return before
    .filter((name) => !isLeftOut(owned, name) && !isNeeded(name))
    .flatMap((name) => {
      const lost = SIDES.filter((side) => !columns[side].has(name));
      const [side] = lost;
      if (side === undefined || lost.length === 2) return [];
      const where = side === 'remote' ? 'the site' : 'the remote';
      const what = `has lost column ${name}, which ${where} has and downloads have copied; put it back, drop it there too, or name it in "except" of METER_SYNC_TABLES`;
      return [toProblem(owned, side, name, what)];
    });
}

/** Families of types of which no value is read as one of another family, or is read as something else: 20260101 as a date. */
const FAMILIES: readonly ReadonlySet<string>[] = [
  new Set(['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision']),
  new Set(['timestamp with time zone', 'timestamp without time zone', 'date']),
  new Set(['time with time zone', 'time without time zone']),
  new Set(['interval']),
  new Set(['boolean']),
  new Set(['uuid']),
  new Set(['bytea']),
];

/** Other pairs of types, a text and a number among them, are tried with each value: what is refused stops its row. */
function findIncompatible(owned: OwnedTable, columns: EndColumns): DatabaseFailure[] {
  return [...columns.local.values()].flatMap((local) => {
    const remote = columns.remote.get(local.name);
    if (remote === undefined || isLeftOut(owned, local.name) || !isWritable(local)) return [];
    if (!areApart(local, remote)) return [];
    const what = `has column ${local.name} as ${remote.type}, and the site as ${local.type}; give it one type at both ends, or name it in "except" of METER_SYNC_TABLES`;
    return [toProblem(owned, 'remote', local.name, what)];
  });
}

function areApart(local: Column, remote: Column): boolean {
  const [here, there] = [local, remote].map(({ baseType }) => {
    const { base, isArray } = parseType(baseType);
    return { isArray, family: FAMILIES.findIndex((types) => types.has(base)) };
  }) as [{ isArray: boolean; family: number }, { isArray: boolean; family: number }];
  if (here.family === -1 || there.family === -1) return false;
  return here.family !== there.family || here.isArray !== there.isArray;
}

function toProblem(owned: OwnedTable, side: Side, column: string, what: string): DatabaseFailure {
  const table = toTableName(owned.table);
  return new DatabaseFailure('schema', `${side} database: table ${table} ${what}`, { side, table, column });
}
