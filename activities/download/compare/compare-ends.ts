import type { Side } from '../../../src/model/failures.js';
import { type OwnedTable, toTableName } from '../../../src/model/table.js';
import { columnsDigest } from '../../../src/postgres/catalog.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { relation } from '../../../src/postgres/identifier.js';
import { isReadWhole } from '../../../src/postgres/read-whole.js';
import { type Database, runAll, type Session } from '../../../src/postgres/session.js';
import { rowHash } from '../plan/hashes.js';
import { isOwned } from '../plan/owned-rows.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { type KnownTable, readPlan, recallTable, rememberTable } from '../plan/read-plan.js';
import { askAll, beginRemote, type Sessions } from '../plan/sessions.js';
import type { TableMemory } from './memory.js';

/** What a server says of all its rows at once: equal figures, equal rows. */
interface Fingerprint {
  readonly rows: string;
  /** Sum of the row hashes, in whatever order; empty where nothing is remembered that it could equal. */
  readonly sum: string;
  /** Of the catalogue: another one means that the plan is out of date. */
  readonly digest: string | null;
  /** `false` for a snapshot to which rows are missing: see {@link isReadWhole}. */
  readonly is_whole: string;
}

/** Both ends at a glance. */
export interface Look extends KnownTable {
  readonly local: Fingerprint;
  readonly remote: Fingerprint;
}

/** What is known before the ends are asked. */
interface Beforehand {
  readonly memory: TableMemory;
  /** Of the local catalogue, as it is now. */
  readonly localDigest: string | null;
}

/**
 * Begins the remote's transaction and takes the fingerprints of both ends, at the same time. With a plan that still holds
 * it is one trip to the remote.
 * @throws DatabaseFailure `schema`, `config` - the tables, or the settings that name them
 */
export async function compareEnds(
  sessions: Sessions,
  remoteDatabase: Database,
  owned: OwnedTable,
  { memory, localDigest }: Beforehand,
): Promise<Look> {
  const { there } = sessions;
  const known = recallTable(remoteDatabase, owned);
  if (known !== null && known.digests.local === localDigest) {
    const look = await lookWith(sessions, known, memory).catch(isOutOfDate);
    if (look !== null) return look;
    await runAll(there, ['rollback']);
  }
  rememberTable(remoteDatabase, owned, null);
  await runAll(there, beginRemote(null));
  const table = await readPlan(sessions, owned, memory.columns);
  await runAll(there, ['rollback']);
  const look = await lookWith(sessions, table, memory);
  if (look === null) throw isChanging(toTableName(owned.table));
  rememberTable(remoteDatabase, owned, table);
  return look;
}

function isChanging(table: string): DatabaseFailure {
  const message = `remote database: table ${table}, or a table that it reads from, was altered or reloaded while it was read; nothing was changed`;
  return new DatabaseFailure('busy', message, { side: 'remote', table });
}

/** True where both ends are as the memory has them. Rows that wait for another table are tried again each time: nobody tells when their row has come. */
export function isUnchanged({ local, remote, signature }: Look, memory: TableMemory): boolean {
  return (
    memory.signature === signature &&
    memory.waiting === '0' &&
    isAsRemembered(local, memory, 'local') &&
    isAsRemembered(remote, memory, 'remote')
  );
}

/** True where an end has the rows that are remembered of it. */
export function isAsRemembered({ rows, sum }: Fingerprint, memory: TableMemory, side: Side): boolean {
  return rows === memory[`${side}_rows`] && sum === memory[`${side}_sum`];
}

/** Null when the remote's catalogue has changed since the plan was made, and when the snapshot lacks rows. */
async function lookWith({ here, there }: Sessions, known: KnownTable, memory: TableMemory): Promise<Look | null> {
  const { plan, isLockable, digests } = known;
  const withSum = memory.signature !== null;
  const lock = isLockable ? plan.table : null; // then nothing can be missing, which spares the question
  const isWhole = isLockable ? 'true' : isReadWhole(plan.table);
  const [local, remote] = await Promise.all([
    readFingerprint(here, [], selectFingerprint(plan, 'local', { withSum, isWhole: 'true' })),
    readFingerprint(there, beginRemote(lock), selectFingerprint(plan, 'remote', { withSum, isWhole })),
  ]);
  return remote.digest === digests.remote && remote.is_whole === 'true' ? { ...known, local, remote } : null;
}

/** In few bytes: it is all that a check of equal tables sends. */
function selectFingerprint(
  plan: DownloadPlan,
  side: Side,
  { withSum, isWhole }: { readonly withSum: boolean; readonly isWhole: string },
): string {
  const sum = withSum ? `coalesce(sum(${rowHash(plan, side, 'r')}),0)::text` : `''`;
  return `select count(*)::text as rows,${sum} as sum,${columnsDigest(plan.table)} as digest,(${isWhole})::text as is_whole from ${relation(plan.table)} r where ${isOwned(plan.filter, 'r')}`;
}

async function readFingerprint(session: Session, before: readonly string[], question: string): Promise<Fingerprint> {
  const { found } = await askAll<{ found: Fingerprint[] }>(session, { found: [...before, question] });
  const [fingerprint] = found;
  if (fingerprint === undefined) throw new Error('an aggregate without a row');
  return fingerprint;
}

/** A column that is gone from the remote fails the statement before its digest can tell. */
function isOutOfDate(error: unknown): null {
  const isOfRemote = error instanceof DatabaseFailure && error.place.side === 'remote';
  if (isOfRemote && (error.kind === 'schema' || error.kind === 'data')) return null;
  throw error;
}
