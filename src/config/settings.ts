import type { z } from 'zod';
import type { connectionSchema } from './connection-settings.js';
import type { siteSchema } from './site-settings.js';

type SiteValues = z.output<typeof siteSchema>;

/** How a connection uses TLS; libpq's names. */
export type SslMode = z.output<typeof connectionSchema>['SSLMODE'];
/** The least important lines that a log holds. */
export type LogLevel = SiteValues['METER_SYNC_LOG_LEVEL'];
/** Whom the lines of a log are for; `auto` is decided by where they go. */
export type LogFormat = SiteValues['METER_SYNC_LOG_FORMAT'];
