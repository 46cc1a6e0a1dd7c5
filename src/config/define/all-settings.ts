import { findSimilarName } from '../../model/similar-name.js';
import { connectionSchema, PREFIXES } from './connection-schema.js';
import { factsOf, type SettingFacts } from './setting.js';
import { siteSchema } from './site-schema.js';
import { tablesSchema } from './tables-schema.js';

/** A setting by its full name, for tables and problems. */
export interface NamedSetting {
  readonly name: string;
  readonly facts: SettingFacts;
}

/** Settings that name other places of settings, or that only the programs around the sync read. */
const OTHER_SETTINGS: readonly NamedSetting[] = [
  other('METER_SYNC_CONFIG', 'A JSON file with settings under these same names', 'none'),
  other('METER_SYNC_SITES_FILE', 'A JSON file with many sites for one worker, see below', 'none'),
  other('METER_SYNC_DEBUG', 'Any value: errors are shown with their stack trace, as with `--debug`', 'none'),
  other('METER_SYNC_TEMPORAL_BINARY', 'The `temporal` program that `dev` and `demo` start', 'found or fetched'),
  other('METER_SYNC_CACHE_DIR', 'Where `dev` and `demo` keep the programs they fetched', "the user's cache folder"),
];

/** Every setting but Temporal's own, in the order in which people read them. */
export function listSettings(): readonly NamedSetting[] {
  return [
    ...listConnection(PREFIXES.local),
    ...listConnection(PREFIXES.remote),
    ...Object.entries(siteSchema.shape).map(([name, schema]) => ({ name, facts: factsOf(schema) })),
    ...Object.entries(tablesSchema.shape).map(([name, schema]) => ({ name, facts: factsOf(schema) })),
    ...OTHER_SETTINGS,
  ];
}

/** True for a setting of ours, and for any of Temporal's, which its own library checks. */
export function isKnownSetting(name: string): boolean {
  return name.startsWith('TEMPORAL_') || listSettings().some((setting) => setting.name === name);
}

/** `; did you mean METER_SYNC_SITE?`, where a setting has a name like it; else nothing. */
export function askSimilarSetting(name: string): string {
  const similar = findSimilarName(
    name,
    listSettings().map((setting) => setting.name),
  );
  return similar === null ? '' : `; did you mean ${similar}?`;
}

/** Names that look like settings of ours and are none: most likely misspelt, so that a default is in force unseen. */
export function findUnknownNames(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const prefixes = ['METER_SYNC_', ...Object.values(PREFIXES)];
  return Object.keys(env)
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)) && !isKnownSetting(name))
    .sort();
}

function listConnection(prefix: string): NamedSetting[] {
  return Object.entries(connectionSchema.shape).map(([name, schema]) => ({
    name: `${prefix}${name}`,
    facts: factsOf(schema),
  }));
}

function other(name: string, text: string, fallbackText: string): NamedSetting {
  return { name, facts: { text, wanted: 'a text', fallback: null, fallbackText } };
}
