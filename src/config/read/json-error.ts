/** A place in a text, both counted from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

const BLANK = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const PLAIN = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/y;

/**
 * Where a text stops being JSON; null: nowhere. JSON.parse tells it in words that differ from one Node to the next, some of them with
 * a piece of the text, which may be a password.
 */
export function findJsonError(text: string): TextPlace | null {
  const reader = new Reader(text);
  const isWhole = reader.value() && reader.isAtEnd();
  return isWhole ? null : toPlace(text, reader.at);
}

/** Reads as far as the text is JSON. */
class Reader {
  at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  value(): boolean {
    this.#take(BLANK);
    const next = this.#text[this.at];
    if (next === '{')
      return this.#list('}', () => this.#take(BLANK) && this.#take(STRING) && this.#sign(':') && this.value());
    if (next === '[') return this.#list(']', () => this.value());
    return this.#take(STRING) || this.#take(PLAIN);
  }

  isAtEnd(): boolean {
    this.#take(BLANK);
    return this.at === this.#text.length;
  }

  #list(end: string, item: () => boolean): boolean {
    this.at += 1;
    if (this.#sign(end)) return true;
    do {
      if (!item()) return false;
    } while (this.#sign(','));
    return this.#sign(end);
  }

  #sign(sign: string): boolean {
    this.#take(BLANK);
    if (this.#text[this.at] !== sign) return false;
    this.at += 1;
    return true;
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.#text)) return false;
    this.at = pattern.lastIndex;
    return true;
  }
}

function toPlace(text: string, at: number): TextPlace {
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
