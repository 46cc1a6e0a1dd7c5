import { UsageError } from '../command.js';

/** A reading's key as people and `quarantine show` write it: one column as it is, several as a JSON array. */
export function toKeyText(key: readonly string[]): string {
  return key.length === 1 ? (key[0] ?? '') : JSON.stringify(key);
}

/**
 * The key that a text stands for.
 * @throws UsageError - a key of several columns is a JSON array with a text for each of them
 */
export function parseKey(text: string, columns: readonly string[], siteId: string): readonly string[] {
  if (columns.length === 1) return [text];
  const key = parseTexts(text);
  if (key !== null && key.length === columns.length) return key;
  const wanted = JSON.stringify(columns);
  throw new UsageError(
    `'${text}' is no key of ${columns.join(', ')}; expected a JSON array of texts, like '${wanted}'`,
    `meter-sync quarantine list --site ${siteId}`,
  );
}

function parseTexts(text: string): string[] | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (!Array.isArray(parsed)) return null;
    return parsed.every((item): item is string => typeof item === 'string') ? parsed : null;
  } catch {
    return null; // no JSON: the caller says what is wanted
  }
}
