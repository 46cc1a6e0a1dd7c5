import type { SiteTables } from '../model/table.js';
import { findSameDatabase } from './check/connection-problems.js';
import { ConfigProblems, type ConfigProblem, type Report } from './check/problems.js';
import { openLayers, type SettingSources } from './read/layers.js';
import { type ConnectionSettings, readConnection } from './read/read-connection.js';
import { listInForce, type SettingInForce } from './read/settings-in-force.js';
import { readSite, type SiteConfig } from './read/read-site.js';
import { readTables } from './read/read-tables.js';
import { findSiteLayers, listSiteLayers, type SiteLayers } from './read/sites-file.js';

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
  /** Each setting with its value and where that was found; secrets hidden. */
  readonly inForce: readonly SettingInForce[];
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

const NOTHING: InspectedSite = {
  ...{ siteId: null, site: null, local: null, remote: null, tables: null },
  ...{ problems: [], inForce: [] },
};

function inspect(layers: SiteLayers): InspectedSite {
  const problems: ConfigProblem[] = [];
  const parts = readParts(layers, (problem) => problems.push(problem));
  return { siteId: parts.site?.siteId ?? null, ...parts, problems, inForce: listInForce(layers.layers, parts) };
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

function readParts(site: SiteLayers, report: Report): Omit<InspectedSite, 'siteId' | 'problems' | 'inForce'> {
  const { layers } = site;
  const values = readSite(site, report);
  const local = readConnection('local', layers, report);
  const remote = readConnection('remote', layers, report);
  const tables = readTables(layers, report);
  if (local !== null && remote !== null) findSameDatabase(local, remote).forEach(report);
  return { site: values, local: local && freeze(local), remote: remote && freeze(remote), tables };
}

function freeze(connection: ConnectionSettings): ConnectionSettings {
  return Object.freeze({ ...connection, tls: Object.freeze(connection.tls) });
}
