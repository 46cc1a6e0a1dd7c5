import type { OwnedTable, SiteTables, TableRef } from '../model/table.js';
import { toTableName } from '../model/table.js';
import type { DownloadRule } from './download-rules.js';
import type { Report } from './sources.js';

type OwnedTables = Pick<SiteTables, 'meters' | 'tenants' | 'further'>;

/** The meters and the tenants with the rules for them, and the further tables; null after a report of what is wrong. */
export function toOwnedTables(
  tables: { readonly meters: OwnedTable; readonly tenants: OwnedTable },
  rules: readonly DownloadRule[],
  report: Report,
): OwnedTables | null {
  const amended = { meters: amend(tables.meters, rules), tenants: amend(tables.tenants, rules) };
  const others = rules.filter((rule) => !isOf(tables.meters, rule) && !isOf(tables.tenants, rule));
  const further = others.flatMap((rule) => (rule.key === null ? [] : [Object.freeze({ ...rule, key: rule.key })]));
  for (const { key, table } of others) {
    if (key !== null) continue;
    const found = `no key for ${toTableName(table)}`;
    report({
      setting: 'METER_SYNC_TABLES',
      found,
      where: null,
      wanted: 'a key for each table but those of meters and tenants',
    });
  }
  const all = [tables.meters, tables.tenants, ...others].map(({ table }) => table);
  const unclear = all.filter(({ schema, name }) =>
    all.some((other) => other.name === name && (other.schema === null) !== (schema === null)),
  );
  if (unclear.length > 0 || isSame(tables.meters.table, tables.tenants.table)) {
    const found = [...new Set((unclear.length > 0 ? unclear : all.slice(0, 1)).map(toTableName))].join(' and ');
    report({
      setting: 'METER_SYNC_TABLES',
      found,
      where: null,
      wanted: 'each table once, and its schema everywhere or nowhere',
    });
    return null;
  }
  if (further.length < others.length) return null;
  return further.length === 0 ? amended : { ...amended, further: Object.freeze(further) };
}

function amend(owned: OwnedTable, rules: readonly DownloadRule[]): OwnedTable {
  const rule = rules.find((one) => isOf(owned, one));
  if (rule === undefined) return Object.freeze(owned);
  return Object.freeze({ ...owned, ...rule, key: rule.key ?? owned.key, filter: rule.filter ?? owned.filter });
}

function isOf({ table }: OwnedTable, rule: DownloadRule): boolean {
  return isSame(table, rule.table);
}

function isSame(one: TableRef, other: TableRef): boolean {
  return one.schema === other.schema && one.name === other.name;
}
