import { z } from 'zod';
import { connectionSchema } from './connection-settings.js';
import { siteSchema } from './site-settings.js';
import { tablesSchema } from './table-settings.js';

/** All settings of a site: the one schema behind the loader, the help and docs/settings.md. */
export const settingsSchema = z.object({
  local: connectionSchema,
  remote: connectionSchema,
  site: siteSchema,
  tables: tablesSchema,
});

export type SettingsValues = z.output<typeof settingsSchema>;
export type SslMode = SettingsValues['local']['SSLMODE'];
export type LogLevel = SettingsValues['site']['METER_SYNC_LOG_LEVEL'];
export type LogFormat = SettingsValues['site']['METER_SYNC_LOG_FORMAT'];
