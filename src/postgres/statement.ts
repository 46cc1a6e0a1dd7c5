/** One SQL statement: its text, and the values of `$1`, `$2`, ... A pure function makes it, another one runs it. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A statement without values. */
export function plain(text: string): Statement {
  return { text, values: [] };
}
