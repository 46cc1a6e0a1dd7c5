import { z } from 'zod';
import { DEFAULT_GUARD } from '../../model/guard.js';
import { DEFAULT_REFUSED_SHARE } from '../../model/refusal.js';
import { DEFAULT_HISTORY_DAYS } from '../../model/table.js';
import { parseDownloadRules } from './download-rules.js';
import { isTimeZone, parseColumnNames, parseTableName, parseTexts } from './names.js';
import { optional, parsed, setting, whole } from './setting.js';

const tableName = parsed(parseTableName);
const columnNames = parsed(parseColumnNames);
const columnName = parsed((value) => {
  const names = parseColumnNames(value);
  return names?.length === 1 ? (names[0] ?? null) : null;
});

const WANTED_TABLE = 'the name of a table, such as meter or metering.meter';
const WANTED_COLUMN = 'the name of one column';
const WANTED_COLUMNS = 'the name of a column, or several with commas between them';

/** Which tables and columns a site keeps in step. */
export const tablesSchema = z.object({
  METER_SYNC_READINGS_TABLE: setting(
    { text: 'The table of readings, at both ends', wanted: WANTED_TABLE, fallback: 'meter_readings' },
    tableName,
  ),
  METER_SYNC_READINGS_KEY: setting(
    { text: 'The columns that identify a reading at both ends', wanted: WANTED_COLUMNS, fallback: 'id' },
    columnNames,
  ),
  METER_SYNC_READINGS_ORDER: setting(
    {
      text: 'The column that orders the queue, oldest first: a timestamp, or any type that has an order',
      wanted: WANTED_COLUMN,
      fallback: 'created_at',
    },
    columnName,
  ),
  METER_SYNC_READINGS_FLAG: setting(
    {
      text: 'The local boolean column that is true for uploaded readings; empty: there is none, every row is queued',
      wanted: `${WANTED_COLUMN}, or nothing`,
      fallback: 'is_synchronized',
      emptyIsValue: true,
    },
    z.union([z.literal('').transform(() => null), columnName]),
  ),
  METER_SYNC_READINGS_TIME_ZONE: optional(
    {
      text: 'The zone that instants without one are in, where a column is `timestamp` at one end and `timestamptz` at the other',
      wanted: 'UTC, or the name of a zone with its region, such as Europe/Berlin',
      fallbackText: 'none: such columns are refused',
    },
    z.string().refine(isTimeZone),
  ),
  METER_SYNC_READINGS_ALLOW_ROUNDING: optional(
    {
      text: 'Columns whose values the remote may store less exactly than the site; the exact values are then permanently lost',
      wanted: `${WANTED_COLUMNS}, none of them in METER_SYNC_READINGS_KEY`,
      fallbackText: 'none: such columns are refused',
    },
    columnNames,
  ),
  METER_SYNC_READINGS_EXCEPT: optional(
    {
      text: 'Local columns that are not uploaded: their values are deleted at the site with their reading. Any other column that the remote does not store stops the upload',
      wanted: `${WANTED_COLUMNS}, none of them in METER_SYNC_READINGS_KEY or METER_SYNC_READINGS_ORDER`,
      fallbackText: 'none: every column is uploaded',
    },
    columnNames,
  ),
  METER_SYNC_READINGS_KEEP_DAYS: setting(
    {
      text: 'How long readings that have arrived stay at the site, so that `resend` can send them again after the remote was restored from an older backup; 0: they are removed at once',
      wanted: 'a whole number from 0 to 3650',
      fallback: '0',
      unit: 'days',
    },
    whole(0, 3650),
  ),
  METER_SYNC_READINGS_METER: setting(
    {
      text: "The column that names the meter of a reading: it tells this site's readings on the remote from those of others; empty: there is none",
      wanted: `${WANTED_COLUMN}, or nothing`,
      fallback: 'meter_id',
      emptyIsValue: true,
    },
    z.union([z.literal('').transform(() => null), columnName]),
  ),
  METER_SYNC_CUSTODY: setting(
    {
      text: 'How a delivery is proved afterwards. `full`: a chain of signed records on the remote, with sums for each day; `strong`: beside them a digest of each day, which nobody can meet with other readings, for some CPU of the worker; `chain`: without the sums; `off`: no record and no schema of ours on the remote',
      wanted: 'full, strong, chain or off',
      fallback: 'full',
    },
    z.enum(['full', 'strong', 'chain', 'off']),
  ),
  METER_SYNC_QUARANTINE_SHARE: setting(
    {
      text: 'When the remote refuses more than this share of a batch, and more than 100 readings, it is the remote that is at fault: nothing goes to quarantine, and the upload fails',
      wanted: 'a whole number from 1 to 100',
      fallback: String(DEFAULT_REFUSED_SHARE * 100),
      unit: 'percent',
    },
    whole(1, 100),
  ),
  METER_SYNC_METERS_TABLE: setting(
    { text: 'The table of meters, at both ends', wanted: WANTED_TABLE, fallback: 'meter' },
    tableName,
  ),
  METER_SYNC_METERS_KEY: setting(
    { text: 'The columns that identify a meter', wanted: WANTED_COLUMNS, fallback: 'id' },
    columnNames,
  ),
  METER_SYNC_METERS_TENANT_COLUMN: setting(
    { text: "The meter's column that names its tenant", wanted: WANTED_COLUMN, fallback: 'tenant_id' },
    columnName,
  ),
  METER_SYNC_TENANTS_TABLE: setting(
    { text: 'The table of tenants, at both ends', wanted: WANTED_TABLE, fallback: 'tenant' },
    tableName,
  ),
  METER_SYNC_TENANTS_KEY: setting(
    { text: 'The columns that identify a tenant', wanted: WANTED_COLUMNS, fallback: 'id' },
    columnNames,
  ),
  METER_SYNC_TENANT: optional(
    {
      text: "The site's tenant, or several: only their meters and their own rows are downloaded",
      wanted: 'the key of a tenant, or several with commas between them, and METER_SYNC_TENANTS_KEY of one column',
      fallbackText: 'all rows',
    },
    parsed(parseTexts),
  ),
  METER_SYNC_DOWNLOAD_GUARD_SHARE: setting(
    {
      text: 'When more than this share of the rows of a table (and at least 10) is gone from the remote, the download is held until a person decides; 100: only when all are gone',
      wanted: 'a whole number from 1 to 100',
      fallback: String(DEFAULT_GUARD.share * 100),
      unit: 'percent',
    },
    whole(1, 100),
  ),
  METER_SYNC_DOWNLOAD_HISTORY_DAYS: setting(
    {
      text: 'How long the changes that downloads have made are kept at the site, for `downloads history`',
      wanted: 'a whole number from 1 to 3650',
      fallback: String(DEFAULT_HISTORY_DAYS),
      unit: 'days',
    },
    whole(1, 3650),
  ),
  METER_SYNC_TABLES: optional(
    {
      text: 'Further tables to download, and rules of the meters and the tenants: JSON, see below',
      wanted: 'a JSON list of tables as in docs/settings.md, each table once',
      fallbackText: 'none',
    },
    parsed(parseDownloadRules),
  ),
});

/** The values of those settings, each valid by itself. */
export type TableValues = z.output<typeof tablesSchema>;
