import type { ChainWalk, CustodyRecord } from '../../../src/model/chain-walk.js';
import { type DaySum, parseDays, toDaysText } from '../days/day-sums.js';

/** What records with one list of columns have delivered, by days. */
interface ListTotals {
  /** The digest of the list, hexadecimal. */
  readonly columnsDigest: string;
  readonly days: readonly DaySum[];
}

/** Sums of records, while they are added up. */
export interface SealSums {
  /** For each list of columns, by its digest, the days. */
  readonly lists: Map<string, Map<string | null, { readonly rows: number; readonly sum: bigint }>>;
  /** What the newest record of each day says of all its readings, and the list that it names. */
  readonly newest: Map<string | null, { readonly columnsDigest: string; readonly digest: string | null }>;
}

export function noSums(): SealSums {
  return { lists: new Map(), newest: new Map() };
}

/** Adds the days of records, which come in their order. */
export function addRecords({ lists, newest }: SealSums, records: readonly CustodyRecord[]): void {
  for (const { columnsDigest, days } of records) {
    const ofList = lists.get(columnsDigest) ?? new Map<string | null, { rows: number; sum: bigint }>();
    lists.set(columnsDigest, ofList);
    for (const { day, rows, sum, digest = null } of days ?? []) {
      const before = ofList.get(day) ?? { rows: 0, sum: 0n };
      ofList.set(day, { rows: before.rows + rows, sum: before.sum + BigInt(sum) });
      newest.set(day, { columnsDigest, digest });
    }
  }
}

/** Sums as a seal holds them: `<digest of the list>:<days>` for each list, with a bar between two. */
export function toTotalsText({ lists, newest }: SealSums): string {
  const parts = [...lists].map(([columnsDigest, ofList]) => {
    const days = [...ofList].map(([day, { rows, sum }]) => {
      const last = newest.get(day);
      return { day, rows, sum: String(sum), digest: last?.columnsDigest === columnsDigest ? last.digest : null };
    });
    return `${columnsDigest}:${toDaysText(days)}`;
  });
  return parts.join('|');
}

/** Those sums, as a seal holds them; null for a text that is none. */
export function parseTotals(text: string): readonly ListTotals[] | null {
  const lists: ListTotals[] = [];
  for (const part of text === '' ? [] : text.split('|')) {
    const [, columnsDigest, daysText] = /^([\da-f]{64}):(.*)$/.exec(part) ?? [];
    const days = daysText === undefined ? null : parseDays(daysText);
    if (columnsDigest === undefined || days === null) return null;
    lists.push({ columnsDigest, days });
  }
  return lists;
}

/** Records without day sums, as a seal holds them: `<records>,<first day>,<last day>`; null: there are none. */
export function toUnsummedText(unsummed: ChainWalk['unsummed']): string | null {
  return unsummed === null ? null : `${unsummed.records},${unsummed.from},${unsummed.to}`;
}

/** Those records; a text that is none counts as all days, which nobody takes for proved. */
export function parseUnsummed(text: string | null): ChainWalk['unsummed'] {
  if (text === null) return null;
  const [, records = '1', from = '0000-00-00', to = '9999-99-99'] =
    /^(\d+),(\d{4}-\d\d-\d\d),(\d{4}-\d\d-\d\d)$/.exec(text) ?? [];
  return { records: Number(records), from, to };
}
