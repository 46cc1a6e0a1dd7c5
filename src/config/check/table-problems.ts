import { type TableRef, toTableName } from '../../model/table.js';
import { type DownloadRule, isRuleOf } from '../define/download-rules.js';
import type { TableValues } from '../define/tables-schema.js';
import type { ConfigProblem } from './problems.js';

/** What the settings of the tables say together and cannot mean. */
export function findTableProblems(values: TableValues): readonly ConfigProblem[] {
  const meters = values.METER_SYNC_METERS_TABLE;
  const tenants = values.METER_SYNC_TENANTS_TABLE;
  const rules = (values.METER_SYNC_TABLES ?? []).filter((rule) => !isRuleOf(rule, meters) && !isRuleOf(rule, tenants));
  return [
    ...findTenantProblems(values),
    ...findRoundingProblems(values),
    ...findExceptProblems(values),
    ...findMissingKeys(rules),
    ...findUnclearNames([meters, tenants, ...rules.map(({ table }) => table)]),
  ];
}

/** A tenant is named by one value. */
function findTenantProblems({ METER_SYNC_TENANT, METER_SYNC_TENANTS_KEY: key }: TableValues): ConfigProblem[] {
  if (METER_SYNC_TENANT === undefined || key.length === 1) return [];
  const wanted = 'one column, since METER_SYNC_TENANT is set';
  return [{ setting: 'METER_SYNC_TENANTS_KEY', found: `'${key.join(',')}'`, where: null, wanted }];
}

/** Rounded keys could make one reading of two. */
function findRoundingProblems(values: TableValues): ConfigProblem[] {
  const columns = values.METER_SYNC_READINGS_ALLOW_ROUNDING ?? [];
  const keys = columns.filter((name) => values.METER_SYNC_READINGS_KEY.includes(name));
  if (keys.length === 0) return [];
  const wanted = `no column of METER_SYNC_READINGS_KEY: two readings could become one (${keys.join(', ')})`;
  return [{ setting: 'METER_SYNC_READINGS_ALLOW_ROUNDING', found: `'${columns.join(',')}'`, where: null, wanted }];
}

/** Without its key a reading could not be told from others there, and without its order a day could not be proved. */
function findExceptProblems(values: TableValues): ConfigProblem[] {
  const columns = values.METER_SYNC_READINGS_EXCEPT ?? [];
  const needed = [...values.METER_SYNC_READINGS_KEY, values.METER_SYNC_READINGS_ORDER];
  const named = columns.filter((name) => needed.includes(name));
  if (named.length === 0) return [];
  const wanted = `no column of METER_SYNC_READINGS_KEY or METER_SYNC_READINGS_ORDER: the remote needs them (${named.join(', ')})`;
  return [{ setting: 'METER_SYNC_READINGS_EXCEPT', found: `'${columns.join(',')}'`, where: null, wanted }];
}

function findMissingKeys(further: readonly DownloadRule[]): ConfigProblem[] {
  const wanted = 'a key for each table but those of meters and tenants';
  return further
    .filter(({ key }) => key === null)
    .map(({ table }) => ({
      setting: 'METER_SYNC_TABLES',
      found: `no key for ${toTableName(table)}`,
      where: null,
      wanted,
    }));
}

/** Two names of one table, or one name that may be two tables: nobody could tell which rows are whose. */
function findUnclearNames(all: readonly TableRef[]): ConfigProblem[] {
  const unclear = all.filter((table) => all.some((other) => other !== table && mayBeSame(table, other)));
  if (unclear.length === 0) return [];
  const found = [...new Set(unclear.map(toTableName))].join(' and ');
  const wanted = 'each table once, and its schema everywhere or nowhere';
  return [{ setting: 'METER_SYNC_TABLES', found, where: null, wanted }];
}

/** A name without a schema may be that of any schema. */
function mayBeSame(one: TableRef, other: TableRef): boolean {
  return one.name === other.name && (one.schema === other.schema || one.schema === null || other.schema === null);
}
