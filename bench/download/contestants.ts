import type { Contestant } from '../contestant.js';
import type { Case } from './cases.js';
import { fetchAll } from './fetch-all.js';
import { FDW_JOIN } from './postgres-fdw.js';
import { METER_SYNC } from './product.js';
import { PSQL_PIPE } from './psql-pipe.js';
import type { DownloadSite } from './site.js';

/** A contestant of the download, and which cases it is entered for. */
export interface DownloadContestant extends Contestant<DownloadSite> {
  readonly isFor: (what: Case) => boolean;
}

const EVERY = (): boolean => true;
/** More would keep it busy for minutes, and say nothing new. */
const MOST_ROWS_ONE_BY_ONE = 100_000;

/** Ratios are told against the first one, or the second where the first is not entered. */
export const DOWNLOADERS: readonly DownloadContestant[] = [
  { ...PSQL_PIPE, isFor: ({ name }) => name === 'first fill' },
  { ...fetchAll('fetch all and compare', 1_000), isFor: EVERY },
  {
    ...fetchAll('fetch all and write row by row', 1),
    isFor: ({ changedRows }) => changedRows > 0 && changedRows <= MOST_ROWS_ONE_BY_ONE,
  },
  { ...FDW_JOIN, isFor: EVERY },
  { ...METER_SYNC, isFor: EVERY },
];

/** The contestant of this name. */
export function findDownloader(name: string): DownloadContestant | undefined {
  return DOWNLOADERS.find((contestant) => contestant.name === name);
}
