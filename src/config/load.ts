import { SHARED_TASK_QUEUE, toSiteTaskQueue } from '../model/wire.js';
import type { SiteTables } from '../model/table.js';
import { type ConnectionSettings, readConnection } from './connection.js';
import { ConfigProblems, type ConfigProblem } from './problems.js';
import { Secret } from './secret.js';
import type { LogFormat, LogLevel } from './settings.js';
import { siteSchema } from './site-settings.js';
import { findSiteLayers, listSiteLayers, type SiteLayers } from './sites.js';
import { type Layer, openLayers, type Report, type SettingSources } from './sources.js';
import { readTables } from './tables.js';
import { readValues } from './values.js';

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
  /** The `TEMPORAL_*` settings, an API key among them. */
  readonly temporal: Secret<Readonly<Record<string, string>>>;
}

/** Everything that a worker needs for one site. Frozen; secrets do not print. */
export interface Config extends SiteConfig {
  readonly local: ConnectionSettings;
  readonly remote: ConnectionSettings;
  readonly tables: SiteTables;
}

/**
 * All settings of one site. With a sites file it is the one that METER_SYNC_SITE names.
 * @throws ConfigProblems - names every setting that cannot be used
 */
export function loadConfig(sources: SettingSources): Config {
  return settle((report) => readConfig(findSiteLayers(openLayers(sources, report), report), report));
}

/**
 * The settings of a site without its databases: the commands that only ask or signal a workflow run anywhere.
 * @throws ConfigProblems - names every setting that cannot be used
 */
export function loadSiteConfig(sources: SettingSources): SiteConfig {
  return settle((report) => readSite(findSiteLayers(openLayers(sources, report), report), report));
}

/**
 * The settings of each site of the sites file; without such a file those of the one site.
 * @throws ConfigProblems - names every setting of any site that cannot be used
 */
export function loadSites(sources: SettingSources): readonly Config[] {
  return settle((report) => {
    const configs = listSiteLayers(openLayers(sources, report), report).map((site) => readConfig(site, report));
    return configs.every((config) => config !== null) ? configs : null;
  });
}

/** What can be had of a site's settings, and what is wrong with the rest. */
export interface InspectedSite {
  /** Null when its own setting is the problem. */
  readonly siteId: string | null;
  readonly site: SiteConfig | null;
  readonly local: ConnectionSettings | null;
  readonly remote: ConnectionSettings | null;
  readonly tables: SiteTables | null;
  readonly problems: readonly ConfigProblem[];
}

/**
 * The settings as far as they go, for a program that looks at everything even when some of it cannot be used. Never throws.
 * @param only look at the one site that METER_SYNC_SITE names, also when there is a sites file
 */
export function inspectSites(sources: SettingSources, only: boolean): readonly InspectedSite[] {
  const problems: ConfigProblem[] = [];
  const layers = openLayers(sources, (problem) => problems.push(problem));
  const report: Report = (problem) => problems.push(problem);
  const sites = only ? [findSiteLayers(layers, report)] : listSiteLayers(layers, report);
  const inspected = sites.map((site) => inspect(site));
  const first: InspectedSite = inspected[0] ?? NOTHING;
  return problems.length === 0
    ? inspected
    : [{ ...first, problems: [...problems, ...first.problems] }, ...inspected.slice(1)];
}

const NOTHING: InspectedSite = { siteId: null, site: null, local: null, remote: null, tables: null, problems: [] };

function inspect(layers: SiteLayers): InspectedSite {
  const problems: ConfigProblem[] = [];
  const parts = readParts(layers, (problem) => problems.push(problem));
  return { siteId: parts.site?.siteId ?? null, ...parts, problems };
}

function settle<Loaded extends object>(read: (report: Report) => Loaded | null): Loaded {
  const problems: ConfigProblem[] = [];
  const loaded = read((problem) => problems.push(problem));
  if (loaded === null || problems.length > 0) throw new ConfigProblems(problems);
  return Object.freeze(loaded);
}

function readConfig(layers: SiteLayers, report: Report): Config | null {
  const { site, local, remote, tables } = readParts(layers, report);
  if (site === null || local === null || remote === null || tables === null) return null;
  return Object.freeze({ ...site, local, remote, tables });
}

function readParts(site: SiteLayers, report: Report): Omit<InspectedSite, 'siteId' | 'problems'> {
  const { layers } = site;
  const values = readSite(site, report);
  const local = readConnection('local', layers, report);
  const remote = readConnection('remote', layers, report);
  const tables = readTables(layers, report);
  if (local !== null && remote !== null) checkApart(local, remote, report);
  return { site: values, local: local && freeze(local), remote: remote && freeze(remote), tables };
}

function readSite({ layers, isShared }: SiteLayers, report: Report): SiteConfig | null {
  const values = readValues(siteSchema, '', layers, report);
  if (values === null) return null;
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
    temporal: new Secret(readTemporal(layers)),
  };
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

/** A table that is uploaded into itself finds every row there already, and then removes it. */
function checkApart(local: ConnectionSettings, remote: ConnectionSettings, report: Report): void {
  const ofLocal = listAddresses(local);
  const isShared = listAddresses(remote).some((address) => ofLocal.includes(address));
  if (!isShared || local.database !== remote.database) return;
  report({
    setting: 'POSTGRES_CLIENT_HOST',
    found: 'the same host, port and database as POSTGRES_SYNC_*',
    where: null,
    wanted: 'the database of the customer: a site must not be synchronized with itself',
  });
}

function listAddresses({ host, port, moreHosts }: ConnectionSettings): readonly string[] {
  return [{ host, port }, ...moreHosts].map((address) => `${address.host}:${address.port}`);
}

function freeze(connection: ConnectionSettings): ConnectionSettings {
  return Object.freeze({ ...connection, tls: Object.freeze(connection.tls) });
}
