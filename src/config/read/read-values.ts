import type { z } from 'zod';
import { HIDDEN } from '../define/secret.js';
import { factsOf, type SettingFacts } from '../define/setting.js';
import { findValue, type FoundValue, type Layer } from './layers.js';
import type { Report } from '../check/problems.js';

/** The values of a schema, or null after a report of each setting that cannot be used. */
export function readValues<Schema extends z.ZodObject>(
  schema: Schema,
  prefix: string,
  layers: readonly Layer[],
  report: Report,
): z.output<Schema> | null {
  const found = new Map<string, FoundValue>();
  for (const [name, facts] of listFacts(schema)) {
    const value = findSetting(layers, `${prefix}${name}`, facts);
    if (value !== null) found.set(name, value);
  }
  const result = schema.safeParse(Object.fromEntries([...found].map(([name, { value }]) => [name, value])));
  if (result.success) return result.data;
  for (const name of new Set(result.error.issues.map((issue) => String(issue.path[0])))) {
    const facts = factsOf(schema.shape[name] as z.ZodType);
    report(toProblem(`${prefix}${name}`, facts, found.get(name) ?? null));
  }
  return null;
}

/** A problem with a value as it was found. Secrets stay hidden, and long values are cut. */
export function toProblem(
  setting: string,
  facts: Pick<SettingFacts, 'wanted' | 'isSecret'>,
  value: FoundValue | null,
): Parameters<Report>[0] {
  const { wanted, isSecret } = facts;
  if (value === null) return { setting, found: 'not set', where: null, wanted };
  return { setting, found: isSecret === true ? HIDDEN : quote(value.value), where: value.where, wanted };
}

function findSetting(layers: readonly Layer[], setting: string, facts: SettingFacts): FoundValue | null {
  const found = findValue(layers, setting, facts.emptyIsValue);
  if (found === null || facts.isSecret === true) return found;
  return { ...found, value: found.value.trim() };
}

function listFacts(schema: z.ZodObject): [string, SettingFacts][] {
  return Object.entries(schema.shape).map(([name, field]) => [name, factsOf(field as z.ZodType)]);
}

/** Control characters would move the cursor of a terminal. */
function quote(value: string): string {
  const cut = value.length > 80 ? `${value.slice(0, 77)}...` : value;
  return `'${cut.replace(/\p{Cc}/gu, '?')}'`;
}
