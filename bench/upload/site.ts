/** Two databases, the local one full of readings; by value, since it goes to another process. */
export interface UploadSite {
  readonly localUrl: string;
  /** The remote as the site reaches it: by the slow way, when there is one. */
  readonly remoteUrl: string;
  /** The local database as the remote reaches it. */
  readonly localUrlFromRemote: string;
  /** The columns that travel, in one order. */
  readonly columns: readonly UploadColumn[];
}

export interface UploadColumn {
  readonly name: string;
  readonly type: string;
}

/** What waits to be uploaded. */
export const QUEUED = 'meter_readings where is_synchronized is not true';

/** The columns' names for a statement, behind an alias where one is given. */
export function namesOf({ columns }: UploadSite, alias?: string): string {
  return columns.map(({ name }) => (alias === undefined ? name : `${alias}.${name}`)).join(', ');
}
