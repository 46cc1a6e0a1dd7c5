import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Verification } from '../../../activities/verify/verify-delivered.js';
import { toFileReason } from '../../config/check/problems.js';
import { UsageError } from '../command.js';
import { readVersion } from '../version.js';

/** What a verification came to: the document of `--json`, and of `--report`. */
export interface VerifyReport extends Verification {
  /** True when nothing is in doubt and everything that was asked for was looked at. */
  readonly isSafe: boolean;
  /** True when each day is proved besides: by the number of its readings and the sum of what is stored, or as `asked`. The exit code is 0. */
  readonly isProved: boolean;
  /** Days that were asked for; null: no bound. `after` is where an earlier run was stopped. */
  readonly asked: {
    readonly from: string | null;
    readonly to: string | null;
    readonly after: string | null;
    /** True: proved is what has the bytes that were delivered. */
    readonly isDeep: boolean;
    /** Options that say how the chain is walked, as they were given: a run that goes on needs them again. */
    readonly walk: readonly string[];
  };
  readonly verifiedBy: string;
  /** Of this program. */
  readonly version: string;
}

/** A report that was written, and what it is known by. */
export interface WrittenReport {
  readonly file: string;
  readonly sha256: string;
}

export function toReport(verification: Verification, asked: VerifyReport['asked']): VerifyReport {
  const isSafe = verification.doubts.length === 0 && verification.isComplete;
  return {
    isSafe,
    isProved: isSafe && verification.days.every((day) => day.isProved) && verification.chain.unsummed === null,
    ...verification,
    asked,
    verifiedBy: `${userInfo().username} on ${hostname()}`,
    version: readVersion(),
  };
}

/**
 * Writes a report that can be handed to an auditor: JSON, and its SHA-256 to be kept apart from it.
 * @throws Error of the file system, with the file's name
 */
/**
 * Looks whether a report can be written there, before hours are spent on it.
 * @throws UsageError
 */
export async function checkReportPlace(file: string): Promise<void> {
  const folder = dirname(resolve(file));
  const reason = await access(folder, constants.W_OK).then(() => null, toFileReason);
  if (reason === null) return;
  const message = `--report is '${file}', in a folder that is ${reason}; expected a file in a folder that can be written`;
  throw new UsageError(message, 'meter-sync verify --help');
}

export async function writeReport(file: string, report: VerifyReport): Promise<WrittenReport> {
  const text = `${JSON.stringify(report, null, 2)}\n`;
  await writeFile(file, text);
  return { file: resolve(file), sha256: createHash('sha256').update(text).digest('hex') };
}
