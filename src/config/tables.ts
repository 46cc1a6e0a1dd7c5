import type { z } from 'zod';
import type { QueueTable, SiteTables } from '../model/table.js';
import { toOwnedTables } from './owned-tables.js';
import type { Layer, Report } from './sources.js';
import { tablesSchema } from './table-settings.js';
import { readValues } from './values.js';

type TableValues = z.output<typeof tablesSchema>;

/** The tables of a site, or null after a report of everything that is wrong with their settings. */
export function readTables(layers: readonly Layer[], report: Report): SiteTables | null {
  const values = readValues(tablesSchema, '', layers, report);
  if (values === null) return null;
  const isWhole = [checkTenantKey(values, report), checkRounding(values, report)].every(Boolean);
  if (!isWhole) return null;
  const tenants = values.METER_SYNC_TENANT ?? null;
  const filterBy = (column: string | undefined) =>
    tenants === null || column === undefined ? null : Object.freeze({ column, values: tenants });
  const owned = toOwnedTables(
    {
      meters: {
        table: values.METER_SYNC_METERS_TABLE,
        key: values.METER_SYNC_METERS_KEY,
        filter: filterBy(values.METER_SYNC_METERS_TENANT_COLUMN),
      },
      tenants: {
        table: values.METER_SYNC_TENANTS_TABLE,
        key: values.METER_SYNC_TENANTS_KEY,
        filter: filterBy(values.METER_SYNC_TENANTS_KEY[0]),
      },
    },
    values.METER_SYNC_TABLES ?? [],
    report,
  );
  if (owned === null) return null;
  const downloads = Object.freeze({
    guard: { share: values.METER_SYNC_DOWNLOAD_GUARD_SHARE / 100 },
    historyDays: values.METER_SYNC_DOWNLOAD_HISTORY_DAYS,
  });
  return Object.freeze({ readings: toReadings(values), ...owned, downloads });
}

function toReadings(values: TableValues): QueueTable {
  const timeZone = values.METER_SYNC_READINGS_TIME_ZONE;
  const mayRound = values.METER_SYNC_READINGS_ALLOW_ROUNDING;
  const meter = values.METER_SYNC_READINGS_METER;
  return Object.freeze({
    table: values.METER_SYNC_READINGS_TABLE,
    key: values.METER_SYNC_READINGS_KEY,
    order: values.METER_SYNC_READINGS_ORDER,
    flag: values.METER_SYNC_READINGS_FLAG,
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(mayRound === undefined ? {} : { mayRound }),
    custody: values.METER_SYNC_CUSTODY,
    maxRefusedShare: values.METER_SYNC_QUARANTINE_SHARE / 100,
    ...(meter === null ? {} : { meter }),
  });
}

/** A tenant is named by one value. */
function checkTenantKey({ METER_SYNC_TENANT, METER_SYNC_TENANTS_KEY: key }: TableValues, report: Report): boolean {
  if (METER_SYNC_TENANT === undefined || key.length === 1) return true;
  report({
    setting: 'METER_SYNC_TENANTS_KEY',
    found: `'${key.join(',')}'`,
    where: null,
    wanted: 'one column, since METER_SYNC_TENANT is set',
  });
  return false;
}

/** Rounded keys could make one reading of two. */
function checkRounding(values: TableValues, report: Report): boolean {
  const columns = values.METER_SYNC_READINGS_ALLOW_ROUNDING ?? [];
  const keys = columns.filter((name) => values.METER_SYNC_READINGS_KEY.includes(name));
  if (keys.length === 0) return true;
  report({
    setting: 'METER_SYNC_READINGS_ALLOW_ROUNDING',
    found: `'${columns.join(',')}'`,
    where: null,
    wanted: `no column of METER_SYNC_READINGS_KEY: two readings could become one (${keys.join(', ')})`,
  });
  return false;
}
