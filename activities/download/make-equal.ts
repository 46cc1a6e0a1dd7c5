import type { DownloadResult } from '../../src/model/operations.js';
import type { OwnedTable } from '../../src/model/table.js';
import type { Database } from '../../src/postgres/session.js';
import type { Attempt } from '../attempt.js';

/** The two ends of a download. */
export interface DownloadEnds {
  readonly local: Database;
  readonly remote: Database;
}

export function makeEqual(_ends: DownloadEnds, _owned: OwnedTable, _attempt: Attempt): Promise<DownloadResult> {
  return Promise.reject(new Error('not built'));
}
