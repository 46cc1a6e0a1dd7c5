import { copyBetween, type CopyEnd } from '../../../src/postgres/copy.js';
import { readCopyBatches, readCopyFields, writeCopyLines } from '../../../src/postgres/copy-lines.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident, idents, relation } from '../../../src/postgres/identifier.js';
import { isolateCulprits, isRowRefused } from '../../../src/postgres/isolate-culprits.js';
import { withSavepoint } from '../../../src/postgres/savepoint.js';
import { execute, run, runAll, type Session } from '../../../src/postgres/session.js';
import { plain } from '../../../src/postgres/statement.js';
import { keyHash, rowHash } from '../plan/hashes.js';
import { isOwned } from '../plan/owned-rows.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { askAll, COPY_TAKES_ITS_TIME, END_REMOTE, PREPARE_LISTS, type Sessions } from '../plan/sessions.js';
import { checkStagedKeys } from './check-keys.js';
import type { Look } from './compare-ends.js';
import { type Comparing, type Differences, findDifferences, findFirstRows, SELECT_WANTED } from './find-differences.js';
import { noteTrouble, type RefusedRow } from './refused-rows.js';
import { CREATE_TABLES, createStaged, DIFFERENCES, hashNames, STAGED } from './tables.js';

/** Where a download takes another way. No settings: tests set them, so that small tables meet the ways of large ones. */
export interface DownloadLimits {
  /** More keys than these are not sent: all rows are fetched then, and those that nobody wants are left out here. */
  readonly sentKeys: number;
  /** So many rows at once are tried again when one of them was refused: they are held in memory. */
  readonly rowsAtOnce: number;
}

export const DEFAULT_LIMITS: DownloadLimits = { sentKeys: 50_000, rowsAtOnce: 5_000 };

/** What lies ready to be worked into a change set. */
export interface Fetched {
  /** Rows in the staging table; 0: there is no such table. */
  readonly rows: number;
  /** Rows here that the remote once had and has no longer. */
  readonly gone: number;
  /** True when nothing was here, and nothing is remembered that could differ. */
  readonly isFirstFill: boolean;
  /** Rows of which the local types refuse a value. */
  readonly refused: readonly RefusedRow[];
}

/**
 * Finds the rows that differ and carries them into the staging table of the local transaction, with the hashes of their keys and of
 * what they hold. A value that the local type refuses (too long, out of range, no number) leaves out its row alone. The remote is
 * let go: it waits for nothing that happens here.
 * @throws DatabaseFailure `schema` - a key that does not tell the rows apart; else of the side that failed
 */
export async function fetchDifferent(
  sessions: Sessions,
  look: Look,
  comparing: Comparing,
  limits: DownloadLimits,
): Promise<Fetched> {
  const { memory } = comparing;
  const { local } = look;
  await runAll(sessions.there, COPY_TAKES_ITS_TIME);
  const isFirstFill = local.rows === '0' && (memory.remote_rows === '0' || memory.signature !== look.signature);
  const fetched = isFirstFill
    ? await fetchFirst(sessions, look, comparing, limits)
    : await fetchWanted(sessions, look, await findDifferences(sessions, look, comparing), limits);
  await runAll(sessions.there, END_REMOTE);
  return { ...fetched, isFirstFill };
}

async function fetchFirst(
  sessions: Sessions,
  look: Look,
  comparing: Comparing,
  limits: DownloadLimits,
): Promise<Omit<Fetched, 'isFirstFill'>> {
  const { here } = sessions;
  await runAll(here, [...PREPARE_LISTS, ...CREATE_TABLES, ...createStaged(look.plan)]);
  const { rows, refused } = await stage(
    sessions,
    copyRows(look.plan, { keys: null, areListed: false }),
    look.plan,
    limits,
  );
  const { gone, remoteKeys } = await findFirstRows(sessions, look, refused, comparing);
  await noteTrouble(here, refused, 'refused');
  await checkStagedKeys(here, look.plan, remoteKeys);
  return { rows, gone, refused };
}

async function fetchWanted(
  sessions: Sessions,
  { plan, remote }: Look,
  { wanted, gone, remoteKeys }: Differences,
  limits: DownloadLimits,
): Promise<Omit<Fetched, 'isFirstFill'>> {
  if (wanted === 0) return { rows: 0, gone, refused: [] };
  const { here } = sessions;
  const areSent = wanted <= limits.sentKeys && wanted * 2 <= Math.max(Number(remote.rows), 100);
  const { keys } = await askAll<{ keys: { key: string }[] }>(here, {
    keys: [...createStaged(plan), ...(areSent ? [SELECT_WANTED] : [])],
  });
  const rowsToCopy = copyRows(plan, { keys: areSent ? keys.map(({ key }) => key) : null, areListed: true });
  const staged = await stage(sessions, rowsToCopy, plan, limits);
  await noteTrouble(here, staged.refused, 'refused');
  const { rows, refused } =
    areSent || wanted === Number(remote.rows) ? staged : await leaveUnwanted(here, plan, staged);
  await checkStagedKeys(here, plan, remoteKeys);
  return { rows, refused, gone };
}

/** Of all rows that were fetched; one that is refused as it was before is not told again. */
async function leaveUnwanted(here: Session, plan: DownloadPlan, { rows, refused }: Staged): Promise<Staged> {
  const left = await execute(here, deleteUnwanted(plan));
  if (refused.length === 0) return { rows: rows - left, refused };
  const keys = await run<{ key: string }>(here, plain(`${SELECT_WANTED} and trouble is not null`));
  const wanted = new Set(keys.map(({ key }) => key));
  return { rows: rows - left, refused: refused.filter(({ keyHash: hash }) => wanted.has(hash)) };
}

function deleteUnwanted(plan: DownloadPlan): ReturnType<typeof plain> {
  const key = `s.${ident(hashNames(plan).key)}`;
  return plain(
    `delete from ${STAGED} as s where not exists (select from ${DIFFERENCES} as d where d.key_hash = ${key} and d.is_wanted)`,
  );
}

/** Which rows are copied. */
interface Copied {
  /** Hashes of their keys; null: all rows. */
  readonly keys: readonly string[] | null;
  /** True when a list has told the hash of each row: it is not computed again. */
  readonly areListed: boolean;
}

/** COPY of the remote rows, as text: the types of the two ends may differ. */
function copyRows(plan: DownloadPlan, { keys, areListed }: Copied): string {
  const key = keyHash(plan, 'remote', 'r');
  const isWanted = keys === null ? 'true' : `${key} in (select unnest('{${keys.join(',')}}'::bigint[]))`;
  const row = areListed ? 'null' : rowHash(plan, 'remote', 'r');
  return `copy (select ${key}, ${row}, ${plan.carried.map((name) => carriedValue(plan, name)).join(', ')}
    from ${relation(plan.table)} as r where ${isOwned(plan.filter, 'r')} and ${isWanted}) to stdout`;
}

/** A type's own words where the types differ: COPY pads `character` with blanks and says `t` for true. */
function carriedValue({ columns }: DownloadPlan, name: string): string {
  const value = `r.${ident(name)}`;
  return columns.local.get(name)?.baseType === columns.remote.get(name)?.baseType ? value : `${value}::text`;
}

interface Staged {
  readonly rows: number;
  readonly refused: readonly RefusedRow[];
}

async function stage(
  { here, there }: Sessions,
  text: string,
  plan: DownloadPlan,
  { rowsAtOnce }: DownloadLimits,
): Promise<Staged> {
  const { key, row } = hashNames(plan);
  const source = { session: there, text };
  const target = { session: here, text: `copy ${STAGED} (${idents([key, row, ...plan.carried])}) from stdin` };
  try {
    const { sent, received } = await withSavepoint(here, () => copyBetween(source, target));
    if (sent === received) return { rows: received, refused: [] };
    throw new DatabaseFailure('unexpected', `the remote sent ${sent} rows and the local database took ${received}`);
  } catch (error) {
    if (!isRowRefused(error) || error.place.side !== here.side) throw error;
  }
  return stageApart(here, plan, { source, target, rowsAtOnce });
}

/** The remote's snapshot still stands: the same rows come again. */
async function stageApart(
  here: Session,
  plan: DownloadPlan,
  { source, target, rowsAtOnce }: { readonly source: CopyEnd; readonly target: CopyEnd; readonly rowsAtOnce: number },
): Promise<Staged> {
  const refused: RefusedRow[] = [];
  let rows = 0;
  for await (const lines of readCopyBatches(source, rowsAtOnce)) {
    const { culprits } = await isolateCulprits(here, lines, (part) => writeCopyLines(target, part));
    refused.push(...culprits.map(({ item, failure }) => ({ ...readLine(item, plan), failure })));
    rows += lines.length - culprits.length;
  }
  return { rows, refused };
}

function readLine(line: string, { key, carried, name }: DownloadPlan): Omit<RefusedRow, 'failure'> {
  const [hashOfKey, hashOfRow, ...fields] = readCopyFields(line, carried.length + 2);
  return {
    keyHash: hashOfKey ?? '',
    rowHash: hashOfRow ?? null,
    key: fields.slice(0, key.length).map((field) => field ?? ''),
    name: name === null ? null : (fields[carried.indexOf(name)] ?? null),
  };
}
