import { z } from 'zod';
import type { GoneRule, OwnedTable, TableRef } from '../../model/table.js';
import { parseTableName } from './names.js';

/** What METER_SYNC_TABLES says of one table: of a further one with its key, or of the meters or the tenants without. */
export interface DownloadRule extends Omit<OwnedTable, 'key'> {
  readonly key: readonly string[] | null;
}

/** Longer names are cut by PostgreSQL without a word. */
const name = z.string().refine((text) => text !== '' && !text.includes('\0') && Buffer.byteLength(text) <= 63);
const names = z
  .array(name)
  .min(1)
  .refine((list) => new Set(list).size === list.length);
/** An id beyond 2^53 is another one as a number: it must be written as a text. */
const number = z.number().refine((given) => !Number.isInteger(given) || Number.isSafeInteger(given));
const value = z.union([z.string(), number, z.boolean()]).transform(String);

const table = z.string().transform((text, context): TableRef => {
  const parsed = parseTableName(text);
  if (parsed !== null) return parsed;
  context.addIssue({ code: 'custom', message: 'no name of a table' });
  return z.NEVER;
});

const gone = z.union([
  z.literal('delete').transform((): GoneRule => ({ rule: 'delete' })),
  z.literal('keep').transform((): GoneRule => ({ rule: 'keep' })),
  z
    .strictObject({ column: name, value, present: value.optional() })
    .transform((rule): GoneRule => ({ rule: 'deactivate', ...rule, present: rule.present ?? null })),
]);

const rule = z
  .strictObject({
    table,
    key: names.optional(),
    only: names.optional(),
    except: names.optional(),
    secret: names.optional(),
    filter: z.strictObject({ column: name, values: z.array(value).min(1) }).optional(),
    gone: gone.optional(),
  })
  .transform(({ table: ref, key, filter, ...rest }): DownloadRule => ({
    table: ref,
    key: key ?? null,
    filter: filter ?? null,
    ...withoutAbsent(rest),
  }));

const rules = z
  .array(rule)
  .refine((list) => new Set(list.map(({ table: ref }) => JSON.stringify(ref))).size === list.length);

/** The rules of a JSON text; null when it is none, or says what no rule knows. */
export function parseDownloadRules(text: string): readonly DownloadRule[] | null {
  try {
    const result = rules.safeParse(JSON.parse(text));
    return result.success ? result.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** True for the rule of this very table. */
export function isRuleOf(rule: DownloadRule, { schema, name: named }: TableRef): boolean {
  return rule.table.schema === schema && rule.table.name === named;
}

/** A rule without what was not said, so that two plans of one table are one. */
function withoutAbsent<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, said]) => said !== undefined)) as never;
}
