import { listSettings, type NamedSetting } from '../define/all-settings.js';
import { PREFIXES } from '../define/connection-schema.js';
import { HIDDEN } from '../define/secret.js';
import type { Side } from '../../model/failures.js';
import { findValue, type Layer } from './layers.js';
import { openUrl, type ConnectionSettings } from './read-connection.js';
import type { SiteConfig } from './read-site.js';

/** A setting as it is in force. */
export interface SettingInForce {
  readonly setting: string;
  /** `(set, hidden)` for a secret; null: there is none. */
  readonly value: string | null;
  /** `option --site`, `environment`, the path of a file, `from POSTGRES_SYNC_URL`, `default`; `not set`. */
  readonly where: string;
}

/** What the settings of a site came to; null: they cannot be used. */
interface Known {
  readonly site: SiteConfig | null;
  readonly local: ConnectionSettings | null;
  readonly remote: ConnectionSettings | null;
}

/** Each setting of a site with its value and where that was found. */
export function listInForce(layers: readonly Layer[], known: Known): SettingInForce[] {
  const urls = (['local', 'remote'] as const).flatMap(
    (side) => openUrl(PREFIXES[side], layers, () => undefined)?.layers ?? [],
  );
  const all = [...layers, ...urls];
  return [...listSettings().map((setting) => toInForce(setting, all, known)), ...listTemporal(layers)];
}

function toInForce({ name: setting, facts }: NamedSetting, layers: readonly Layer[], known: Known): SettingInForce {
  const found = findValue(layers, setting, facts.emptyIsValue);
  if (found !== null) return { setting, value: facts.isSecret === true ? HIDDEN : found.value, where: found.where };
  const value = defaultsOf(known)[setting] ?? facts.fallback;
  return { setting, value, where: value === null ? 'not set' : 'default' };
}

/** Defaults that depend on other settings, or on who runs the program. */
function defaultsOf({ site, local, remote }: Known): Readonly<Record<string, string>> {
  const ofEnd = (side: Side, end: ConnectionSettings | null): Record<string, string> =>
    end === null ? {} : { [`${PREFIXES[side]}USER`]: end.user, [`${PREFIXES[side]}DB`]: end.database };
  const ofSite: Record<string, string> =
    site === null
      ? {}
      : { METER_SYNC_TASK_QUEUE: site.taskQueue, METER_SYNC_ACTIVITY_TASK_QUEUE: site.activityTaskQueue };
  return { ...ofEnd('local', local), ...ofEnd('remote', remote), ...ofSite };
}

/** Of Temporal's own settings these hold nothing secret, whatever may come to be added beside them. */
const SHOWN_OF_TEMPORAL = /^TEMPORAL_(ADDRESS|NAMESPACE|PROFILE|CONFIG_FILE|TLS|TLS_SERVER_NAME|TLS_.*_PATH)$/;

function listTemporal(layers: readonly Layer[]): SettingInForce[] {
  const names = layers.flatMap(({ values }) => Object.keys(values)).filter((name) => name.startsWith('TEMPORAL_'));
  return [...new Set(names)].sort().flatMap((setting) => {
    const found = findValue(layers, setting);
    if (found === null) return [];
    return [{ setting, value: SHOWN_OF_TEMPORAL.test(setting) ? found.value : HIDDEN, where: found.where }];
  });
}
