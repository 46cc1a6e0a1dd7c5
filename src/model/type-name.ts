/** A type as `format_type` prints it, in its parts. */
export interface ParsedType {
  /** Without modifiers and brackets: `timestamp with time zone`. */
  readonly base: string;
  readonly modifiers: readonly number[];
  readonly isArray: boolean;
}

/** Takes the name of a type apart. */
export function parseType(text: string): ParsedType {
  const [, base = text, modifiers, zone = '', brackets] =
    /^(.+?)(?:\((-?\d+(?:,-?\d+)*)\))?( with(?:out)? time zone)?((?:\[\])+)?$/.exec(text) ?? [];
  return {
    base: base + zone,
    modifiers: modifiers === undefined ? [] : modifiers.split(',').map(Number),
    isArray: brackets !== undefined,
  };
}
