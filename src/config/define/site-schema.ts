import { z } from 'zod';
import { isSiteId } from '../../model/scheduler.js';
import { DEFAULT_SETTINGS } from '../../model/scheduler-settings.js';
import { parseListenAddress } from './listen-address.js';
import { number, optional, parsed, setting, whole } from './setting.js';

const LISTEN_ADDRESS = 'host:port, or a port alone, which then listens on 127.0.0.1';

/** The settings of a site and of its worker. */
export const siteSchema = z.object({
  METER_SYNC_SITE: setting(
    {
      text: 'The id of the site',
      wanted: '1 to 100 letters, digits, dots, dashes or underscores',
      fallback: 'default',
      option: 'site',
    },
    z.string().refine(isSiteId),
  ),
  METER_SYNC_TASK_QUEUE: optional(
    {
      text: 'The task queue of the workflow, and of its activities',
      wanted: 'the name of a task queue',
      fallbackText: '`meter-sync:<site>`; with a sites file `meter-sync`',
      option: 'task-queue',
    },
    z.string().max(1000),
  ),
  METER_SYNC_ACTIVITY_TASK_QUEUE: optional(
    {
      text: "The task queue of the activities alone, so that the status answers while the site's own worker is away",
      wanted: 'the name of a task queue',
      fallbackText: 'as METER_SYNC_TASK_QUEUE',
      option: 'activity-task-queue',
    },
    z.string().max(1000),
  ),
  METER_SYNC_INTERVAL_SECONDS: setting(
    {
      text: 'From one planned cycle to the next, for a workflow that is started; a running one takes `configure`',
      wanted: 'a number from 0.1 to 86400',
      fallback: String(DEFAULT_SETTINGS.intervalMs / 1_000),
      unit: 'seconds',
      option: 'interval-seconds',
    },
    number(0.1, 86_400),
  ),
  METER_SYNC_BATCH_ROWS: setting(
    {
      text: 'Readings in one batch, at most, for a workflow that is started; a running one takes `configure`',
      wanted: 'a whole number from 1 to 1000000',
      fallback: String(DEFAULT_SETTINGS.batchRows),
      unit: 'readings',
      option: 'batch-rows',
    },
    whole(1, 1_000_000),
  ),
  METER_SYNC_SHUTDOWN_SECONDS: setting(
    {
      text: 'How long a worker that was told to end waits for what it has begun',
      wanted: 'a number from 1 to 3600',
      fallback: '300',
      unit: 'seconds',
      option: 'shutdown-seconds',
    },
    number(1, 3_600),
  ),
  METER_SYNC_LOG_LEVEL: setting(
    { text: 'The least important lines that a worker logs', wanted: 'debug, info, warn or error', fallback: 'info' },
    z.enum(['debug', 'info', 'warn', 'error']),
  ),
  METER_SYNC_LOG_FORMAT: setting(
    {
      text: '`pretty` for people, `json` for machines, `auto`: pretty on a terminal',
      wanted: 'auto, pretty or json',
      fallback: 'auto',
    },
    z.enum(['auto', 'pretty', 'json']),
  ),
  METER_SYNC_METRICS_ADDRESS: optional(
    { text: 'Where the worker serves `/metrics` for Prometheus', wanted: LISTEN_ADDRESS, fallbackText: 'none: off' },
    parsed(parseListenAddress),
  ),
  METER_SYNC_HEALTH_ADDRESS: optional(
    {
      text: 'Where the worker serves `/health/live`, `/health/ready` and `/health/sites`',
      wanted: LISTEN_ADDRESS,
      fallbackText: 'none: off',
    },
    parsed(parseListenAddress),
  ),
});

/** Their values, as they were checked. */
export type SiteValues = z.output<typeof siteSchema>;

/** The least important lines that a log holds. */
export type LogLevel = SiteValues['METER_SYNC_LOG_LEVEL'];
/** Whom the lines of a log are for; `auto` is decided by where they go. */
export type LogFormat = SiteValues['METER_SYNC_LOG_FORMAT'];
