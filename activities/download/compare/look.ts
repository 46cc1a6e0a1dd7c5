import { type OwnedTable, toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { type Database, runAll, type Session } from '../../../src/postgres/session.js';
import { type Fingerprint, type Question, readFingerprint, selectFingerprint } from './fingerprint.js';
import { type KnownTable, recallTable, rememberTable } from '../plan/known-tables.js';
import { readPlan } from '../plan/read-plan.js';
import { beginRemote } from '../plan/text-session.js';

/** The sessions of a download, each in its transaction. */
export interface Sessions {
  readonly here: Session;
  readonly there: Session;
}

/** Both ends at a glance. */
export interface Look extends KnownTable {
  readonly local: Fingerprint;
  readonly remote: Fingerprint;
}

const CHANGING = 'remote database: the columns of the table change just now';

/** What is asked, and what is known beforehand. */
export interface Asked {
  readonly owned: OwnedTable;
  readonly question: Question;
  /** Of the local catalogue, as it is now. */
  readonly localDigest: string | null;
  /** The columns that the last download carried; null: not known. */
  readonly before: readonly string[] | null;
}

/**
 * Begins the remote's transaction and takes the fingerprints of both ends, at the same time. With a plan that still holds
 * it is one trip to the remote.
 * @throws DatabaseFailure `schema`, `config` - the tables, or the settings that name them
 */
export async function lookAtBoth(
  { here, there }: Sessions,
  remoteDatabase: Database,
  { owned, question, localDigest, before }: Asked,
): Promise<Look> {
  const known = recallTable(remoteDatabase, owned);
  if (known !== null && known.digests.local === localDigest) {
    const look = await lookWith({ here, there }, known, question).catch(isOutOfDate);
    if (look !== null) return look;
    await runAll(there, ['rollback']);
  }
  rememberTable(remoteDatabase, owned, null);
  await runAll(there, beginRemote(null));
  const table = await readPlan({ here, there }, owned, before);
  await runAll(there, ['rollback']);
  const look = await lookWith({ here, there }, table, question);
  if (look === null) throw new DatabaseFailure('busy', CHANGING, { side: 'remote', table: toTableName(owned.table) });
  rememberTable(remoteDatabase, owned, table);
  return look;
}

/** Null when the remote's catalogue has changed since the plan was made. */
async function lookWith({ here, there }: Sessions, known: KnownTable, question: Question): Promise<Look | null> {
  const [local, remote] = await Promise.all([
    readFingerprint(here, [selectFingerprint(known.plan, 'local', question)]),
    readFingerprint(there, [
      ...beginRemote(known.isLockable ? known.plan.table : null),
      selectFingerprint(known.plan, 'remote', question),
    ]),
  ]);
  return remote.digest === known.digests.remote ? { ...known, local, remote } : null;
}

/** A column that is gone from the remote fails the statement before its digest can tell. */
function isOutOfDate(error: unknown): null {
  const isOfRemote = error instanceof DatabaseFailure && error.place.side === 'remote';
  if (isOfRemote && (error.kind === 'schema' || error.kind === 'data')) return null;
  throw error;
}
