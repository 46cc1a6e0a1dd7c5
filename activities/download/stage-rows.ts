import { copyBetween } from '../../src/postgres/copy.js';
import { readCopyFields, readCopyLines, writeCopyLines } from '../../src/postgres/copy-lines.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { withSavepoint } from '../../src/postgres/savepoint.js';
import { run, type Session } from '../../src/postgres/session.js';
import type { RefusedRow } from './apply-changes.js';
import { isolateCulprits, isRowRefused } from './isolate-culprits.js';
import type { DownloadPlan } from './plan-download.js';
import { analyzeStaged, copyIntoRefusedKeys, copyIntoStaged, copyOwned, createStaging } from './staging.js';

/** The remote's rows are staged: how many it has, and which of them the local types refuse. */
export interface StagedRows {
  readonly remoteCount: number;
  readonly refused: readonly RefusedRow[];
}

/**
 * Carries the remote rows into the staging table of the local transaction. A value that the local type refuses (too long,
 * out of range, no number) leaves out its row alone.
 * @throws DatabaseFailure of the side that failed
 */
export async function stageRows(here: Session, there: Session, plan: DownloadPlan): Promise<StagedRows> {
  for (const statement of createStaging(plan)) await run(here, statement);
  const staged = await stageAll(here, there, plan);
  await run(here, analyzeStaged());
  return staged;
}

async function stageAll(here: Session, there: Session, plan: DownloadPlan): Promise<StagedRows> {
  const source = { session: there, text: copyOwned(plan) };
  const target = { session: here, text: copyIntoStaged(plan) };
  try {
    const { sent, received } = await withSavepoint(here, () => copyBetween(source, target));
    if (sent === received) return { remoteCount: sent, refused: [] };
    throw new DatabaseFailure('unexpected', `the remote sent ${sent} rows and the local database took ${received}`);
  } catch (error) {
    if (!isRowRefused(error) || error.place.side !== here.side) throw error;
  }
  const lines = await readCopyLines(source); // the remote's snapshot still stands: the same rows come again
  const { culprits } = await isolateCulprits(here, lines, (part) => writeCopyLines(target, part));
  const keys = culprits.map(({ item }) => item.split('\t', plan.key.length).join('\t'));
  // A key that the local type refuses as well is no key of a local row: nothing to protect.
  await isolateCulprits(here, keys, (part) => writeCopyLines({ session: here, text: copyIntoRefusedKeys(plan) }, part));
  const refused = culprits.map(({ item, failure }) => ({ ...toNamed(item, plan), failure }));
  return { remoteCount: lines.length, refused };
}

function toNamed(line: string, { key, carried, name }: DownloadPlan): { key: string[]; name: string | null } {
  const fields = readCopyFields(line, carried.length);
  return {
    key: fields.slice(0, key.length).map((field) => field ?? ''),
    name: name === null ? null : (fields[carried.indexOf(name)] ?? null),
  };
}
