import type { Pool } from 'pg';
import type { OwnedTable, TableShape } from '../../../src/model/table.js';
import { columnsDigest, readTableShape } from '../../../src/postgres/catalog.js';
import { HASHES_RECORDS } from '../../../src/postgres/row-hash.js';
import { type Database, run, type Session } from '../../../src/postgres/session.js';
import { plain } from '../../../src/postgres/statement.js';
import { signatureOf } from './hashes.js';
import { checkFilter } from './owned-rows.js';
import { type DownloadPlan, planDownload } from './plan-download.js';
import type { Sessions } from './sessions.js';

/** A plan, and the catalogues that it was made from. */
export interface KnownTable {
  readonly plan: DownloadPlan;
  readonly signature: string;
  /** True when the remote table can be locked: a foreign one cannot, and a view's tables only where its owner may. */
  readonly isLockable: boolean;
  readonly digests: { readonly local: string | null; readonly remote: string | null };
}

/**
 * Reads both catalogues and makes the plan of a download.
 * @param before - the columns that the last download carried; null: not known
 * @throws DatabaseFailure `schema`, `config` - the tables, or the settings that name them
 */
export async function readPlan(
  { here, there }: Sessions,
  owned: OwnedTable,
  before: readonly string[] | null,
): Promise<KnownTable> {
  const [local, remote] = await Promise.all([readEnd(here, owned), readEnd(there, owned)]);
  const plan = planDownload(owned, {
    local: local.shape,
    remote: remote.shape,
    encodings: { local: local.encoding, remote: remote.encoding },
    hashesRecords: local.hashesRecords && remote.hashesRecords,
    before,
  });
  await Promise.all([checkFilter(here, owned), checkFilter(there, owned)]);
  const isLockable = remote.shape.isOwnTable;
  return { plan, signature: signatureOf(plan), isLockable, digests: { local: local.digest, remote: remote.digest } };
}

/** What a server says of itself and of the table. */
interface End {
  readonly shape: TableShape;
  readonly digest: string | null;
  readonly encoding: string;
  readonly hashesRecords: boolean;
}

/** The digest first: a catalogue that changes in between is then read again by the next download. */
async function readEnd(session: Session, { table }: OwnedTable): Promise<End> {
  const [row] = await run<{ digest: string | null; encoding: string; version: string }>(
    session,
    plain(
      `select ${columnsDigest(table)} as digest, getdatabaseencoding() as encoding, current_setting('server_version_num') as version`,
    ),
  );
  const shape = await readTableShape(session, table);
  return {
    shape,
    digest: row?.digest ?? null,
    encoding: row?.encoding ?? 'UTF8',
    hashesRecords: Number(row?.version) >= HASHES_RECORDS,
  };
}

/**
 * Plans of this process. The catalogues of a table of 20 columns weigh more than all else that a check of equal tables
 * sends, so they are read again only when their digest has changed.
 */
const known = new WeakMap<Pool, Map<string, KnownTable>>();

/** The plan of a table as it was last made, if ever. */
export function recallTable(remote: Database, owned: OwnedTable): KnownTable | null {
  return known.get(remote.pool)?.get(JSON.stringify(owned)) ?? null;
}

/** Keeps a plan for the next download of this process; null forgets it. */
export function rememberTable(remote: Database, owned: OwnedTable, table: KnownTable | null): void {
  const tables = known.get(remote.pool) ?? new Map<string, KnownTable>();
  known.set(remote.pool, tables);
  if (table === null) tables.delete(JSON.stringify(owned));
  else tables.set(JSON.stringify(owned), table);
}
