import { type FailureReport, toShortMessage } from './failures.js';
import {
  type ChangedRow,
  type DownloadCounts,
  type DownloadResult,
  type FurtherTableResult,
  MAX_NAME_LENGTH,
  MAX_NAMED_FIELDS,
  MAX_NAMED_ROWS,
  type NamedRow,
} from './operations.js';
import type { Outcome } from './state.js';

/** The counts of no download. */
export const NO_DOWNLOAD: DownloadCounts = {
  localCount: 0,
  remoteCount: 0,
  inserted: 0,
  updated: 0,
  deactivated: 0,
  kept: 0,
  waiting: 0,
  refused: 0,
};

/** The counts of two downloads of one table: what was done adds up, what is there is what the later one saw. */
function addDownloads(first: DownloadCounts, second: DownloadCounts): DownloadCounts {
  return {
    ...countsOf(second),
    inserted: first.inserted + second.inserted,
    updated: first.updated + second.updated,
    deactivated: first.deactivated + second.deactivated,
  };
}

/** The counts alone of a result that holds more. */
function countsOf(result: DownloadCounts): DownloadCounts {
  const names = Object.keys(NO_DOWNLOAD) as (keyof DownloadCounts)[];
  return Object.fromEntries(names.map((name) => [name, result[name]])) as unknown as DownloadCounts;
}

/** What the result of the meters tells of a further table that was downloaded. */
export function toFurther(table: string, result: DownloadResult): FurtherTableResult {
  const { rejected } = result;
  return { table, ...countsOf(result), ...(rejected === undefined ? {} : { rejected }) };
}

/** A further table that could not be downloaded is a failure of the operation, although the meters themselves are there. */
export function withFurtherFailures<Result extends object>(outcome: Outcome<Result>): Outcome<Result> {
  const [first, ...others] = (outcome.result as Partial<DownloadResult> | null)?.furtherFailures ?? [];
  return first === undefined ? outcome : { ...outcome, ok: false, error: joinReports(first, others) };
}

/** The failures of several tables as one: the first, and the words of all. */
export function joinReports(first: FailureReport, others: readonly FailureReport[]): FailureReport {
  return { ...first, message: toShortMessage([first, ...others].map(({ message }) => message).join('; ')) };
}

/** The further tables that failed, for the row of an operation that has a result. */
export function describeFurther({ furtherFailures = [] }: Pick<DownloadResult, 'furtherFailures'>): string[] {
  return furtherFailures.map(
    ({ table, kind, held }) => `${table ?? 'a further table'}: ${held ? 'held' : `failed (${kind})`}`,
  );
}

/** The result of two downloads of one table in one cycle. */
export function mergeDownloads(first: DownloadResult, second: DownloadResult): DownloadResult {
  return {
    ...second,
    ...addDownloads(first, second),
    newRows: [...first.newRows, ...second.newRows].slice(0, MAX_NAMED_ROWS),
    changedRows: [...first.changedRows, ...second.changedRows].slice(0, MAX_NAMED_ROWS),
    ...(second.further === undefined ? {} : { further: addFurther(first.further ?? [], second.further) }),
  };
}

function addFurther(
  first: readonly FurtherTableResult[],
  second: readonly FurtherTableResult[],
): readonly FurtherTableResult[] {
  return second.map((later) => {
    const earlier = first.find(({ table }) => table === later.table);
    return earlier === undefined ? later : { ...later, ...addDownloads(earlier, later) };
  });
}

/** A result crosses the wire and is carried by the workflow: it must stay small, whatever a table holds. */
export function toShortChange({ key, name, changedFields }: ChangedRow): ChangedRow {
  return { ...toShortRow({ key, name }), changedFields: changedFields.slice(0, MAX_NAMED_FIELDS) };
}

/** The same for a row without fields. */
export function toShortRow({ key, name }: NamedRow): NamedRow {
  return { key: key.map(cut), name: name === null ? null : cut(name) };
}

function cut(text: string): string {
  return text.length <= MAX_NAME_LENGTH ? text : `${text.slice(0, MAX_NAME_LENGTH - 3)}...`;
}
