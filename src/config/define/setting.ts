import { z } from 'zod';

/** What people are told of a setting. */
export interface SettingFacts {
  readonly text: string;
  /** What a value must be, as it follows "wanted". */
  readonly wanted: string;
  /** The text that stands for a setting that is not given; null: there is none. */
  readonly fallback: string | null;
  /** What the table shows as default where it is not one fixed text. */
  readonly fallbackText?: string;
  readonly unit?: string;
  readonly isSecret?: true;
  /** The command line's option, without dashes. */
  readonly option?: string;
  /** An empty value is a choice of its own, not the same as none. */
  readonly emptyIsValue?: true;
}

const registry = z.registry<SettingFacts>();

/** The facts of a setting's schema. */
export function factsOf(schema: z.ZodType): SettingFacts {
  const facts = registry.get(schema);
  if (facts === undefined) throw new Error('a setting without facts: declare it with setting() or optional()');
  return facts;
}

/** A setting with a default: its facts hold the text that stands for a value which is not given. */
export function setting<Value extends z.ZodType<unknown, string>>(
  facts: SettingFacts & { fallback: string },
  value: Value,
): z.ZodPipe<z.ZodDefault<z.ZodString>, Value> {
  const schema = z.string().default(facts.fallback).pipe(value);
  registry.add(schema, facts);
  return schema;
}

/** A setting that may be left out. */
export function optional<Value extends z.ZodType<unknown, string>>(
  facts: Omit<SettingFacts, 'fallback'>,
  value: Value,
): z.ZodOptional<Value> {
  const schema = value.optional();
  registry.add(schema, { ...facts, fallback: null });
  return schema;
}

/** A decimal number from `min` to `max`, both included; no signs, exponents or blanks. */
export function number(min: number, max: number): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^\d+(\.\d+)?$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

/** A whole number from `min` to `max`, both included. */
export function whole(min: number, max: number): z.ZodType<number, string> {
  return number(min, max).refine((value) => Number.isInteger(value));
}

/** What `parse` makes of a text; its null refuses. */
export function parsed<Value>(parse: (text: string) => Value | null): z.ZodType<Value, string> {
  return z.string().transform((value, context) => {
    const result = parse(value);
    if (result !== null) return result;
    context.addIssue({ code: 'custom' });
    return z.NEVER;
  });
}
