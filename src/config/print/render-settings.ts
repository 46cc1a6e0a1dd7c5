import { connectionSchema, PREFIXES } from '../define/connection-schema.js';
import { listSettings, type NamedSetting } from '../define/all-settings.js';

/** The settings as the Markdown tables of docs/settings.md, which a test holds to them. Both databases share one table. */
export function renderSettings(): string {
  const settings = listSettings();
  const isConnection = ({ name }: NamedSetting): boolean =>
    Object.values(PREFIXES).some((prefix) => name.startsWith(prefix));
  const connection = settings
    .filter(({ name }) => name.startsWith(PREFIXES.local))
    .map(({ name, facts }) => ({ name: name.slice(PREFIXES.local.length), facts }));
  return [
    '### The two databases',
    '',
    `Each with \`${PREFIXES.local}\` before it for the local database, and with \`${PREFIXES.remote}\` for the remote one.`,
    '',
    ...renderTable(connection),
    '',
    '### The site, its tables and its worker',
    '',
    ...renderTable(settings.filter((setting) => !isConnection(setting))),
  ].join('\n');
}

/** The settings as plain lines for the command line's help. */
export function renderHelp(): string {
  const connection = Object.keys(connectionSchema.shape).join(',');
  const lines = listSettings()
    .filter(({ name }) => name.startsWith('METER_SYNC_'))
    .map((setting) => `  ${setting.name.padEnd(34)}${toDefault(setting)}`);
  return [
    'Settings, from options, the environment and METER_SYNC_CONFIG, in that order (docs/settings.md has them all):',
    ...Object.values(PREFIXES).map((prefix) => `  ${prefix}{${connection}}`),
    ...lines,
    '  TEMPORAL_*                        as for the temporal command line',
  ].join('\n');
}

function renderTable(settings: readonly NamedSetting[]): string[] {
  const rows = settings.map((setting) => {
    const { text, wanted, option } = setting.facts;
    const name = `\`${setting.name}\`${option === undefined ? '' : `, \`--${option}\``}`;
    return `| ${[name, toDefault(setting), text, wanted].map(escapeCell).join(' | ')} |`;
  });
  return ['| Setting | Default | Means | Expected |', '|---|---|---|---|', ...rows];
}

function toDefault({ facts: { fallback, fallbackText, unit } }: NamedSetting): string {
  const value = fallbackText ?? (fallback === null ? 'none' : fallback);
  return unit === undefined ? value : `${value} ${unit}`;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
