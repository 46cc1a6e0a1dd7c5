// Input and result of each activity. They cross the wire: JSON only, no rows, no secrets, lists bounded.

import type { FailureReport } from './failures.js';
import type { DownloadDecision, HeldDownload } from './guard.js';
import type { LostAtRemote } from './lost.js';
import type { Timed } from './loop-clock.js';

/** How many keys or changed rows a result names at most; of rows that wait the log names as many, of all others thousands. */
export const MAX_NAMED_ROWS = 20;
/** How many characters of a key's part or of a name a result holds; with the bound above it stays small whatever a table holds. */
export const MAX_NAME_LENGTH = 200;
/** How many changed fields of a row a result names; with the wide tables of some customers all of them would be too much. */
export const MAX_NAMED_FIELDS = 50;

/** How long one upload activity goes on with batch after batch; a batch under way is finished, unless the attempt is cut. */
export const UPLOAD_MAX_DURATION_MS = 30_000;

/** What an upload is asked for. */
export interface UploadReadingsInput {
  readonly siteId: string;
  /** Readings in one batch, at most. */
  readonly batchRows: number;
  /** No new batch is begun after this time. */
  readonly maxDurationMs: number;
  /** The workflow that asks, the same over all its runs: so a second workflow for one database is noticed. */
  readonly owner?: string;
}

/** The counts of one batch or of several: `selected = inserted + alreadyThere + quarantined`, and `removed` is what the remote has. */
export interface UploadCounts {
  readonly selected: number;
  readonly inserted: number;
  /** Were on the remote before with the same content: the batch had been sent already. */
  readonly alreadyThere: number;
  /** Refused by the remote for a reason of their own, and kept at the site with that reason. */
  readonly quarantined: number;
  readonly removed: number;
}

/** A record of a custody chain, to be compared aloud: its place, and its digest in hexadecimal. */
export interface ChainHead {
  readonly seq: number;
  readonly digest: string;
}

/** What an upload did, over all its batches, and what it left. */
export interface UploadReadingsResult extends UploadCounts {
  readonly batches: number;
  /** True when the upload ended before it saw the end of the queue: the next one should follow at once. */
  readonly more: boolean;
  /** Readings that wait to be uploaded, those in quarantine not among them. */
  readonly queueSize: number;
  /** True when counting them would have taken too long, so that `queueSize` is what the planner expects. */
  readonly queueSizeIsEstimate: boolean;
  /** ISO 8601 UTC; null: the queue is empty, its readings have no instant, or finding the oldest took too long. */
  readonly oldestUnsynced: string | null;
  /** Readings proved safe on the remote and removed since this site's first upload. */
  readonly totalUploaded: number;
  /** Readings in quarantine, all of them. */
  readonly inQuarantine: number;
  /** When `queueSize` and `oldestUnsynced` were seen. */
  readonly observedAt: string;
  /** False: nothing waited, so the remote was left alone, and nothing was seen of it. Absent: it was asked. */
  readonly remoteAsked?: boolean;
  /** Delivered readings that the remote has no more; null: none are known. */
  readonly lostAtRemote: LostAtRemote | null;
  /** Fingerprint of the key that signs the site's custody records; null or absent: not known. */
  readonly signingKey?: string | null;
  /** The last record of the site's custody chain; null: it has none; absent: not told. */
  readonly chainHead?: ChainHead | null;
  /** How far the local server's clock is ahead of the remote's; null or absent: nothing was sent that could tell. */
  readonly clockDifferenceMs?: number | null;
}

/** What a download is asked for; the worker knows the tables. */
export interface DownloadInput {
  readonly siteId: string;
  /** True: rows that were refused are tried again, although they have not changed; absent: false. */
  readonly full?: boolean;
  /** The number of the cycle that asks, for the history; absent: not known. */
  readonly cycle?: number;
}

/** A row of a downloaded table, by its key (as text, one part a column) and, where it has one, its name. */
export interface NamedRow {
  readonly key: readonly string[];
  readonly name: string | null;
}

/** A row that was updated, and which of its columns changed. */
export interface ChangedRow extends NamedRow {
  readonly changedFields: readonly string[];
}

/** The counts of one download of a table, or of several: what was done, and what both ends hold since. */
export interface DownloadCounts {
  readonly localCount: number;
  readonly remoteCount: number;
  readonly inserted: number;
  readonly updated: number;
  /** Gone from the remote, so deactivated here, or deleted where the settings say so. */
  readonly deactivated: number;
  /** Gone from the remote, and still here: the table has no column that could say so. */
  readonly kept: number;
  /** Rows that wait for a row of another table (foreign key); tried again in the next download. */
  readonly waiting: number;
  /** Rows that the local table refuses for another reason; named in the log. */
  readonly refused: number;
}

/** What a download of one table did. */
export interface DownloadResult extends DownloadCounts {
  /** At most `MAX_NAMED_ROWS` of each. */
  readonly newRows: readonly NamedRow[];
  readonly changedRows: readonly ChangedRow[];
  /** When the download had ended: both tables were read before that, and what differed is committed. ISO 8601 UTC. */
  readonly observedAt: string;
  /** With the meters: what became of the further tables of the settings; absent: there are none. */
  readonly further?: readonly FurtherTableResult[];
  /** Further tables that could not be downloaded, at most `MAX_FURTHER_FAILURES`; the log has all. Absent: all were. */
  readonly furtherFailures?: readonly FailureReport[];
  /** The change set that a person has rejected: nothing of it was applied. Absent: there is none. */
  readonly rejected?: HeldDownload;
}

/** A report is some hundred bytes, and a status has room for few. */
export const MAX_FURTHER_FAILURES = 5;

/** What a download did to a further table. */
export interface FurtherTableResult extends DownloadCounts, Pick<DownloadResult, 'rejected'> {
  readonly table: string;
}

/** A person's decision on a held download, for the site that it belongs to. */
export interface DecideDownloadInput extends DownloadDecision {
  readonly siteId: string;
}

/** What a probe is asked for. */
export interface ProbeInput {
  readonly siteId: string;
}

/** What a probe saw; null for what could not be seen. */
export interface ProbeResult {
  readonly localDbConnected: boolean;
  readonly remoteDbConnected: boolean;
  readonly queueSize: number | null;
  readonly queueSizeIsEstimate: boolean | null;
  readonly oldestUnsynced: string | null;
  readonly quarantined: number | null;
  readonly localMeterCount: number | null;
  readonly remoteMeterCount: number | null;
  readonly localTenantCount: number | null;
  readonly remoteTenantCount: number | null;
  /** Delivered readings that the remote has no more; null: none are known. Absent: it could not be seen. */
  readonly lostAtRemote?: LostAtRemote | null;
  readonly observedAt: string;
}

/** The activities of a site, as the workflow calls them and the worker hosts them. A failure tells in its second detail when it ran. */
export interface Activities {
  uploadReadings(input: UploadReadingsInput): Promise<Timed<UploadReadingsResult>>;
  downloadMeters(input: DownloadInput): Promise<Timed<DownloadResult>>;
  downloadTenants(input: DownloadInput): Promise<Timed<DownloadResult>>;
  probe(input: ProbeInput): Promise<Timed<ProbeResult>>;
  decideDownload(input: DecideDownloadInput): Promise<Timed<HeldDownload>>;
}
