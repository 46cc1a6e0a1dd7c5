import { toShortMessage } from './failures.js';
import { type DownloadResult, type FurtherTableResult, MAX_NAMED_ROWS } from './operations.js';
import type { Outcome } from './state.js';

/** A further table that could not be downloaded is a failure of the operation, although the meters themselves are there. */
export function withFurtherFailures<Result extends object>(outcome: Outcome<Result>): Outcome<Result> {
  const [first, ...others] = (outcome.result as Partial<DownloadResult> | null)?.furtherFailures ?? [];
  if (first === undefined) return outcome;
  const message = toShortMessage([first, ...others].map((failure) => failure.message).join('; '));
  return { ...outcome, ok: false, error: { ...first, message } };
}

/** The result of two downloads of one table in one cycle: what was done adds up, what is there is what the later saw. */
export function mergeDownloads(first: DownloadResult, second: DownloadResult): DownloadResult {
  return {
    ...second,
    inserted: first.inserted + second.inserted,
    updated: first.updated + second.updated,
    deactivated: first.deactivated + second.deactivated,
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
    if (earlier === undefined) return later;
    return {
      ...later,
      inserted: earlier.inserted + later.inserted,
      updated: earlier.updated + later.updated,
      deactivated: earlier.deactivated + later.deactivated,
    };
  });
}
