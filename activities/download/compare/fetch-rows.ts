import { copyBetween, type CopyEnd } from '../../../src/postgres/copy.js';
import { readCopyBatches, readCopyFields, writeCopyLines } from '../../../src/postgres/copy-lines.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident, relation } from '../../../src/postgres/identifier.js';
import { withSavepoint } from '../../../src/postgres/savepoint.js';
import { run, runAll, type Session } from '../../../src/postgres/session.js';
import { isolateCulprits, isRowRefused } from '../apply/isolate-culprits.js';
import type { DownloadLimits } from '../plan/limits.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { keyHash, rowHash } from './hashes.js';
import { analyzeStaged, copyIntoStaged, hashNames, isOwned, STAGED, WANTED } from './staging.js';
import { noteTrouble, type RefusedRow } from '../apply/trouble.js';

/** Which rows to fetch: all, or those of which the site needs to know more. */
export type Wanted =
  { readonly all: true } | { readonly all: false; readonly rows: number; readonly remoteRows: number };

/**
 * Carries the wanted rows into the staging table of the local transaction, with the hashes of their keys and of what they
 * hold. A value that the local type refuses (too long, out of range, no number) leaves out its row alone.
 * @returns the rows that were refused
 * @throws DatabaseFailure of the side that failed
 */
export async function fetchRows(
  { here, there }: { readonly here: Session; readonly there: Session },
  plan: DownloadPlan,
  wanted: Wanted,
  limits: DownloadLimits,
): Promise<readonly RefusedRow[]> {
  if (!wanted.all && wanted.rows === 0) return [];
  const areSent = !wanted.all && wanted.rows <= limits.sentKeys && wanted.rows * 2 <= Math.max(wanted.remoteRows, 100);
  const source = { session: there, text: copyRows(plan, areSent ? await readWanted(here) : null) };
  const refused = await stage(here, plan, source, limits);
  if (!wanted.all && !areSent) {
    await run(here, {
      text: `delete from ${STAGED} as s where not exists (select from ${WANTED} as w where w.key_hash = s.${ident(hashNames(plan).key)})`,
      values: [],
    });
  }
  await runAll(here, [analyzeStaged(plan)]);
  return refused;
}

/** COPY of the remote rows, as text: the types of the two ends may differ. */
function copyRows(plan: DownloadPlan, keys: readonly string[] | null): string {
  const key = keyHash(plan, 'remote', 'r');
  const isWanted = keys === null ? 'true' : `${key} in (select unnest('{${keys.join(',')}}'::bigint[]))`;
  return `copy (select ${key}, ${rowHash(plan, 'remote', 'r')}, ${plan.carried.map((name) => carriedValue(plan, name)).join(', ')}
    from ${relation(plan.table)} as r where ${isOwned(plan.filter, 'r')} and ${isWanted}) to stdout`;
}

/** A type's own words where the types differ: COPY pads `character` with blanks and says `t` for true. */
function carriedValue({ columns }: DownloadPlan, name: string): string {
  const value = `r.${ident(name)}`;
  return columns.local.get(name)?.baseType === columns.remote.get(name)?.baseType ? value : `${value}::text`;
}

async function readWanted(here: Session): Promise<string[]> {
  const rows = await run<{ key: string }>(here, { text: `select key_hash::text as key from ${WANTED}`, values: [] });
  return rows.map(({ key }) => key);
}

async function stage(
  here: Session,
  plan: DownloadPlan,
  source: CopyEnd,
  { rowsAtOnce }: DownloadLimits,
): Promise<readonly RefusedRow[]> {
  const target = { session: here, text: copyIntoStaged(plan) };
  try {
    const { sent, received } = await withSavepoint(here, () => copyBetween(source, target));
    if (sent === received) return [];
    throw new DatabaseFailure('unexpected', `the remote sent ${sent} rows and the local database took ${received}`);
  } catch (error) {
    if (!isRowRefused(error) || error.place.side !== here.side) throw error;
  }
  const refused: RefusedRow[] = [];
  // The remote's snapshot still stands: the same rows come again.
  for await (const lines of readCopyBatches(source, rowsAtOnce)) {
    const { culprits } = await isolateCulprits(here, lines, (part) => writeCopyLines(target, part));
    refused.push(...culprits.map(({ item, failure }) => ({ ...readLine(item, plan), failure })));
  }
  await noteTrouble(here, refused, 'refused');
  return refused;
}

function readLine(line: string, { key, carried, name }: DownloadPlan): Omit<RefusedRow, 'failure'> {
  const [keyHash, rowHash, ...fields] = readCopyFields(line, carried.length + 2);
  return {
    keyHash: keyHash ?? '',
    rowHash: rowHash ?? '',
    key: fields.slice(0, key.length).map((field) => field ?? ''),
    name: name === null ? null : (fields[carried.indexOf(name)] ?? null),
  };
}
