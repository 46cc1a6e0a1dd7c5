import type { TransferColumn } from '../../../src/model/transfer.js';
import { ident, literal } from '../../../src/postgres/identifier.js';

/**
 * What the remote stores of a reading's value, as SQL on the site's row `r`: the same conversion that the value meets on
 * its way, so that a hash of it is the hash that the remote computes. The session must have set its text forms.
 */
export function storedValue({ name, inZone, stored }: TransferColumn): string {
  const column = `r.${ident(name)}`;
  if (stored === undefined) return column;
  const sent = inZone === null ? toSent(column, stored.asText) : `(${column} at time zone ${literal(inZone)})`;
  return stored.type === null ? sent : `${sent}::${stored.type}`;
}

/** A cast to text is not what COPY prints: it takes the blanks off a `character`, and other casts have rules of their own. */
function toSent(column: string, asText: boolean): string {
  return asText ? `(case when ${column} is not null then format('%s', ${column}) end)` : column;
}
