import type { Measure } from '../contestant.js';
import type { Machine } from '../machine.js';

/** What a comparison of downloads came to; the JSON file that is committed. */
export interface DownloadResult {
  readonly discipline: 'download';
  readonly columns: number;
  readonly meters: 'real' | 'made';
  readonly rounds: number;
  /** Round trip to the remote that was added; 0: none. */
  readonly delayMs: number;
  readonly machine: Machine;
  readonly lines: readonly DownloadLine[];
}

/** A contestant's runs in one case. */
export interface DownloadLine {
  readonly rows: number;
  readonly case: string;
  readonly changedRows: number;
  readonly name: string;
  readonly note: string;
  readonly usesOtherPrograms: boolean;
  /** On the wire between the site and the remote, both directions, without the headers of TCP; the connection stood. */
  readonly bytes: number;
  /** Of the first run of the process, before anything had changed; what it learns then it may keep. */
  readonly firstBytes: number;
  /** What its connection to the remote cost before that. */
  readonly connectionBytes: number;
  /** One a round; what changes nothing is repeated within a round, and its middle taken. */
  readonly runs: readonly Measure[];
  readonly problems: readonly string[];
}
