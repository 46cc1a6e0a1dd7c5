import { readFileSync } from 'node:fs';
import { askSimilarSetting, isKnownSetting } from '../define/all-settings.js';
import { type Report, toFileReason } from '../check/problems.js';
import { HIDDEN } from '../define/secret.js';
import { findJsonError } from './json-error.js';

/** Where settings are looked for: options of the command line go before the environment, and that before the file. */
export interface SettingSources {
  /** Values by the setting's name, as the environment knows it: `{ METER_SYNC_SITE: 'north' }`. */
  readonly options?: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One place of settings: its values, and what to call it in a problem. */
export interface Layer {
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly describe: (setting: string) => string;
}

/** A value and the place it was found in. */
export interface FoundValue {
  readonly value: string;
  readonly where: string;
}

/** The setting that names the settings file. */
const CONFIG_FILE = 'METER_SYNC_CONFIG';

/** The layers of a process, the first one first. A file that cannot be read is a problem, and stands for an empty one. */
export function openLayers({ options = {}, env }: SettingSources, report: Report): readonly Layer[] {
  const outer: Layer[] = [
    { values: options, describe: (setting) => `option ${toOption(setting)}` },
    { values: env, describe: () => 'environment' },
  ];
  const file = findValue(outer, CONFIG_FILE);
  return file === null ? outer : [...outer, readSettingsFile(file, report)];
}

/** The first value of a setting. An empty one counts as not given, unless it is a choice of its own. */
export function findValue(layers: readonly Layer[], setting: string, emptyIsValue = false): FoundValue | null {
  for (const { values, describe } of layers) {
    const value = values[setting];
    if (value === undefined || (value === '' && !emptyIsValue)) continue;
    return { value, where: describe(setting) };
  }
  return null;
}

/** The option of a setting: `METER_SYNC_TASK_QUEUE` is `--task-queue`. */
export function toOption(setting: string): string {
  return `--${setting
    .replace(/^(METER_SYNC|TEMPORAL)_/, '')
    .toLowerCase()
    .replaceAll('_', '-')}`;
}

/** A JSON file, or null after a report of why it cannot be used. Neither the report nor the error quotes its content. */
export function readJson(file: FoundValue, setting: string, report: Report): unknown {
  const { value: path, where } = file;
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
    return JSON.parse(text) as unknown;
  } catch (error) {
    const reason = error instanceof SyntaxError ? describeJsonError(text) : toFileReason(error);
    report({
      setting,
      found: `'${path}', which is ${reason}`,
      where,
      wanted: 'the path of a JSON file that can be read',
    });
    return null;
  }
}

function describeJsonError(text: string): string {
  const place = findJsonError(text);
  return place === null ? 'not JSON' : `not JSON from line ${place.line}, column ${place.column} on`;
}

/** The settings of a JSON object: texts and numbers as they stand, METER_SYNC_TABLES as a list; anything else, and a name nobody knows, is a problem. */
export function toValues(fields: object, where: string, report: Report): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [setting, value] of Object.entries(fields)) {
    if (!isKnownSetting(setting)) {
      report({
        setting,
        found: 'given',
        where,
        wanted: `one of the names in docs/settings.md${askSimilarSetting(setting)}`,
      });
    } else if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      report({
        setting,
        found: 'a number beyond 2^53',
        where,
        wanted: 'such a number in quotes, or it becomes another one',
      });
    } else if (typeof value === 'string' || typeof value === 'number') {
      values[setting] = String(value);
    } else if (setting === 'METER_SYNC_TABLES' && Array.isArray(value)) {
      values[setting] = JSON.stringify(value);
    } else if (value !== null) {
      report({ setting, found: HIDDEN, where, wanted: 'a text or a number' });
    }
  }
  return values;
}

function readSettingsFile(file: FoundValue, report: Report): Layer {
  const describe = (): string => file.value;
  const content = readJson(file, CONFIG_FILE, report);
  if (content === null) return { values: {}, describe };
  if (typeof content !== 'object' || Array.isArray(content)) {
    const found = `'${file.value}', which holds no object`;
    report({ setting: CONFIG_FILE, found, where: file.where, wanted: 'a JSON object of settings and their values' });
    return { values: {}, describe };
  }
  return { values: toValues(content, file.value, report), describe };
}
