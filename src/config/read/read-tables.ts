import type { OwnedTable, QueueTable, SiteTables } from '../../model/table.js';
import type { Report } from '../check/problems.js';
import { findTableProblems } from '../check/table-problems.js';
import { type DownloadRule, isRuleOf } from '../define/download-rules.js';
import { tablesSchema, type TableValues } from '../define/tables-schema.js';
import type { Layer } from './layers.js';
import { readValues } from './read-values.js';

/** The tables of a site, or null after a report of everything that is wrong with their settings. */
export function readTables(layers: readonly Layer[], report: Report): SiteTables | null {
  const values = readValues(tablesSchema, '', layers, report);
  if (values === null) return null;
  const problems = findTableProblems(values);
  problems.forEach(report);
  if (problems.length > 0) return null;
  const downloads = Object.freeze({
    guard: { share: values.METER_SYNC_DOWNLOAD_GUARD_SHARE / 100 },
    historyDays: values.METER_SYNC_DOWNLOAD_HISTORY_DAYS,
  });
  return Object.freeze({ readings: toReadings(values), ...toOwnedTables(values), downloads });
}

function toReadings(values: TableValues): QueueTable {
  const timeZone = values.METER_SYNC_READINGS_TIME_ZONE;
  const mayRound = values.METER_SYNC_READINGS_ALLOW_ROUNDING;
  const except = values.METER_SYNC_READINGS_EXCEPT;
  const meter = values.METER_SYNC_READINGS_METER;
  const keepDays = values.METER_SYNC_READINGS_KEEP_DAYS;
  return Object.freeze({
    table: values.METER_SYNC_READINGS_TABLE,
    key: values.METER_SYNC_READINGS_KEY,
    order: values.METER_SYNC_READINGS_ORDER,
    flag: values.METER_SYNC_READINGS_FLAG,
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(mayRound === undefined ? {} : { mayRound }),
    ...(except === undefined ? {} : { except }),
    ...(keepDays === 0 ? {} : { keepDays }),
    custody: values.METER_SYNC_CUSTODY,
    maxRefusedShare: values.METER_SYNC_QUARANTINE_SHARE / 100,
    ...(meter === null ? {} : { meter }),
  });
}

/** The meters and the tenants with the rules for them, and the further tables where there are any. */
function toOwnedTables(values: TableValues): Pick<SiteTables, 'meters' | 'tenants' | 'further'> {
  const rules = values.METER_SYNC_TABLES ?? [];
  const meters = toMeters(values);
  const tenants = toTenants(values);
  const others = rules.filter((rule) => !isRuleOf(rule, meters.table) && !isRuleOf(rule, tenants.table));
  const further = others.flatMap((rule) => (rule.key === null ? [] : [Object.freeze({ ...rule, key: rule.key })]));
  const amended = { meters: amend(meters, rules), tenants: amend(tenants, rules) };
  return further.length === 0 ? amended : { ...amended, further: Object.freeze(further) };
}

function toMeters(values: TableValues): OwnedTable {
  return {
    table: values.METER_SYNC_METERS_TABLE,
    key: values.METER_SYNC_METERS_KEY,
    filter: toTenantFilter(values, values.METER_SYNC_METERS_TENANT_COLUMN),
  };
}

function toTenants(values: TableValues): OwnedTable {
  return {
    table: values.METER_SYNC_TENANTS_TABLE,
    key: values.METER_SYNC_TENANTS_KEY,
    filter: toTenantFilter(values, values.METER_SYNC_TENANTS_KEY[0]),
  };
}

function toTenantFilter({ METER_SYNC_TENANT: tenants }: TableValues, column: string | undefined): OwnedTable['filter'] {
  return tenants === undefined || column === undefined ? null : Object.freeze({ column, values: tenants });
}

function amend(owned: OwnedTable, rules: readonly DownloadRule[]): OwnedTable {
  const rule = rules.find((one) => isRuleOf(one, owned.table));
  if (rule === undefined) return Object.freeze(owned);
  return Object.freeze({ ...owned, ...rule, key: rule.key ?? owned.key, filter: rule.filter ?? owned.filter });
}
