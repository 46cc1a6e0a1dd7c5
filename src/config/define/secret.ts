import { inspect } from 'node:util';

/** What is printed in place of a secret, wherever one is mentioned. */
export const HIDDEN = '(set, hidden)';

/** A value that nobody may read by accident: logs, JSON, string templates and `inspect` show `(set, hidden)`. */
export class Secret<Value = string> {
  readonly #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  /** The value itself; only the code that hands it to a driver asks for it. */
  reveal(): Value {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
