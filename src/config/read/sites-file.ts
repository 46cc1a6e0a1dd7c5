import { findValue, type FoundValue, type Layer, readJson, toValues } from './layers.js';
import { findSimilarName } from '../../model/similar-name.js';
import type { Report } from '../check/problems.js';

const SITE = 'METER_SYNC_SITE';
const SITES_FILE = 'METER_SYNC_SITES_FILE';
const WANTED_SITES = 'a JSON list of sites, such as [{"site": "north", "POSTGRES_SYNC_HOST": "10.0.0.7"}]';
/** More would fill a screen and help nobody. */
const MAX_NAMED_SITES = 10;

/** The settings of one site: where they are looked for, and whether its worker serves others too. */
export interface SiteLayers {
  readonly layers: readonly Layer[];
  readonly isShared: boolean;
}

interface SiteEntry {
  readonly siteId: string;
  readonly layer: Layer;
}

/** The layers of each site of the sites file; without such a file there is the one site of the process. */
export function listSiteLayers(layers: readonly Layer[], report: Report): readonly SiteLayers[] {
  const file = findValue(layers, SITES_FILE);
  if (file === null) return [{ layers, isShared: false }];
  return readEntries(file, report).map((entry) => toSiteLayers(layers, entry));
}

/** The layers of the site that METER_SYNC_SITE names. */
export function findSiteLayers(layers: readonly Layer[], report: Report): SiteLayers {
  const file = findValue(layers, SITES_FILE);
  if (file === null) return { layers, isShared: false };
  const entries = readEntries(file, report);
  const named = findValue(layers, SITE);
  const chosen = entries.find(({ siteId }) => siteId === (named?.value ?? 'default'));
  if (chosen !== undefined) return toSiteLayers(layers, chosen);
  if (entries.length > 0) {
    const names = entries.slice(0, MAX_NAMED_SITES).map(({ siteId }) => siteId);
    const more = entries.length > names.length ? ` and ${entries.length - names.length} more` : '';
    const found = named === null ? 'not set' : `'${named.value}'`;
    const similar =
      named === null
        ? null
        : findSimilarName(
            named.value,
            entries.map(({ siteId }) => siteId),
          );
    const ask = similar === null ? '' : `; did you mean ${similar}?`;
    const wanted = `a site of ${file.value}: ${names.join(', ')}${more}${ask}`;
    report({ setting: SITE, found, where: named?.where ?? null, wanted });
  }
  return { layers, isShared: true };
}

/** An entry goes before the environment, and an option of the command line before both; the id is the entry's own. */
function toSiteLayers([options, ...others]: readonly Layer[], { siteId, layer }: SiteEntry): SiteLayers {
  const id: Layer = { values: { [SITE]: siteId }, describe: layer.describe };
  return { layers: [id, ...(options === undefined ? [] : [options]), layer, ...others], isShared: true };
}

function readEntries(file: FoundValue, report: Report): readonly SiteEntry[] {
  const content = readJson(file, SITES_FILE, report);
  if (content === null) return [];
  if (!Array.isArray(content) || content.length === 0) {
    report({
      setting: SITES_FILE,
      found: `'${file.value}', which holds no list of sites`,
      where: file.where,
      wanted: WANTED_SITES,
    });
    return [];
  }
  const entries = content.flatMap((entry: unknown, index) =>
    readEntry(entry, `${file.value}, entry ${index + 1}`, report),
  );
  for (const { siteId, layer } of entries.filter((entry, index) => isRepeated(entries, entry, index))) {
    report({ setting: 'site', found: `'${siteId}' again`, where: layer.describe(SITE), wanted: 'each site once' });
  }
  return entries;
}

function readEntry(entry: unknown, where: string, report: Report): SiteEntry[] {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    report({ setting: SITES_FILE, found: 'no object', where, wanted: 'an object with site and its settings' });
    return [];
  }
  const { site, ...fields } = entry as Record<string, unknown>;
  if (typeof site !== 'string') {
    report({ setting: 'site', found: site === undefined ? 'not set' : 'no text', where, wanted: 'the id of the site' });
    return [];
  }
  const place = `${where}, site ${site}`;
  return [{ siteId: site, layer: { values: toValues(fields, place, report), describe: () => place } }];
}

function isRepeated(entries: readonly SiteEntry[], { siteId }: SiteEntry, index: number): boolean {
  return entries.findIndex((other) => other.siteId === siteId) < index;
}
