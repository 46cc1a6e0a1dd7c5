import { SHARED_TASK_QUEUE, toSiteTaskQueue } from '../../model/wire.js';
import type { Report } from '../check/problems.js';
import { formatListenAddress, type ListenAddress } from '../define/listen-address.js';
import { Secret } from '../define/secret.js';
import { type LogFormat, type LogLevel, siteSchema, type SiteValues } from '../define/site-schema.js';
import type { Layer } from './layers.js';
import { readValues } from './read-values.js';
import type { SiteLayers } from './sites-file.js';

/** What a program needs that only talks to a site's workflow. */
export interface SiteConfig {
  readonly siteId: string;
  readonly taskQueue: string;
  /** Where the site's activities run; most often the same task queue. */
  readonly activityTaskQueue: string;
  readonly intervalMs: number;
  readonly batchRows: number;
  /** How long a worker that was told to end waits for what it has begun. */
  readonly shutdownMs: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Where the worker serves its metrics; null: nowhere. It belongs to the process, as the log does. */
  readonly metricsAddress: ListenAddress | null;
  /** The same for its health. */
  readonly healthAddress: ListenAddress | null;
  /** The `TEMPORAL_*` settings, an API key among them. */
  readonly temporal: Secret<Readonly<Record<string, string>>>;
}

/** The settings of one site, or null after a report of everything that is wrong with them. */
export function readSite({ layers, isShared }: SiteLayers, report: Report): SiteConfig | null {
  const values = readValues(siteSchema, '', layers, report);
  if (values === null) return null;
  reportSharedAddress(values, report);
  const siteId = values.METER_SYNC_SITE;
  const taskQueue = values.METER_SYNC_TASK_QUEUE ?? (isShared ? SHARED_TASK_QUEUE : toSiteTaskQueue(siteId));
  return {
    siteId,
    taskQueue,
    activityTaskQueue: values.METER_SYNC_ACTIVITY_TASK_QUEUE ?? taskQueue,
    intervalMs: Math.round(values.METER_SYNC_INTERVAL_SECONDS * 1000),
    batchRows: values.METER_SYNC_BATCH_ROWS,
    shutdownMs: Math.round(values.METER_SYNC_SHUTDOWN_SECONDS * 1000),
    logLevel: values.METER_SYNC_LOG_LEVEL,
    logFormat: values.METER_SYNC_LOG_FORMAT,
    metricsAddress: values.METER_SYNC_METRICS_ADDRESS ?? null,
    healthAddress: values.METER_SYNC_HEALTH_ADDRESS ?? null,
    temporal: new Secret(readTemporal(layers)),
  };
}

/** Temporal's core serves the metrics and the worker its health: two servers. */
function reportSharedAddress(values: SiteValues, report: Report): void {
  const { METER_SYNC_METRICS_ADDRESS: metrics, METER_SYNC_HEALTH_ADDRESS: health } = values;
  if (metrics === undefined || health === undefined || metrics.port !== health.port) return;
  if (metrics.host !== health.host) return;
  const found = `'${formatListenAddress(health)}', the same as METER_SYNC_METRICS_ADDRESS`;
  report({ setting: 'METER_SYNC_HEALTH_ADDRESS', found, where: null, wanted: 'a port of its own' });
}

/** Temporal's library reads these by itself; it also looks for its own file, by the folders of the user. */
function readTemporal(layers: readonly Layer[]): Readonly<Record<string, string>> {
  const isTemporal = (name: string): boolean =>
    name.startsWith('TEMPORAL_') || ['XDG_CONFIG_HOME', 'HOME', 'APPDATA'].includes(name);
  const found = [...layers].reverse().flatMap(({ values }) => Object.entries(values));
  return Object.fromEntries(
    found.filter(
      (entry): entry is [string, string] => isTemporal(entry[0]) && entry[1] !== undefined && entry[1] !== '',
    ),
  );
}
