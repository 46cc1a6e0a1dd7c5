import type { SiteTables } from '../model/table.js';
import type { Layer, Report } from './sources.js';
import { tablesSchema } from './table-settings.js';
import { readValues } from './values.js';

/** The tables of a site, or null after a report of everything that is wrong with their settings. */
export function readTables(layers: readonly Layer[], report: Report): SiteTables | null {
  const values = readValues(tablesSchema, '', layers, report);
  if (values === null) return null;
  const tenant = values.METER_SYNC_TENANT ?? null;
  const [tenantKey, ...moreKeys] = values.METER_SYNC_TENANTS_KEY;
  if (tenantKey === undefined || (tenant !== null && moreKeys.length > 0)) {
    const found = `'${values.METER_SYNC_TENANTS_KEY.join(',')}'`;
    report({
      setting: 'METER_SYNC_TENANTS_KEY',
      found,
      where: null,
      wanted: 'one column, since METER_SYNC_TENANT is set',
    });
    return null;
  }
  const filterBy = (column: string) => (tenant === null ? null : Object.freeze({ column, value: tenant }));
  return Object.freeze({
    readings: Object.freeze({
      table: values.METER_SYNC_READINGS_TABLE,
      key: values.METER_SYNC_READINGS_KEY,
      order: values.METER_SYNC_READINGS_ORDER,
      flag: values.METER_SYNC_READINGS_FLAG,
    }),
    meters: Object.freeze({
      table: values.METER_SYNC_METERS_TABLE,
      key: values.METER_SYNC_METERS_KEY,
      filter: filterBy(values.METER_SYNC_METERS_TENANT_COLUMN),
    }),
    tenants: Object.freeze({
      table: values.METER_SYNC_TENANTS_TABLE,
      key: values.METER_SYNC_TENANTS_KEY,
      filter: filterBy(tenantKey),
    }),
  });
}
