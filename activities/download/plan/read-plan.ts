import type { OwnedTable, TableShape } from '../../../src/model/table.js';
import { columnsDigest, readTableShape } from '../../../src/postgres/catalog.js';
import { HASHES_RECORDS } from '../../../src/postgres/row-hash.js';
import { runAll, type Session } from '../../../src/postgres/session.js';
import { checkFilter } from '../compare/check-ends.js';
import type { KnownTable } from './known-tables.js';
import type { Sessions } from '../compare/look.js';
import { planDownload } from './plan-download.js';
import { signatureOf } from '../compare/hashes.js';

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
  const [first] = await runAll(session, [
    `select ${columnsDigest(table)} as digest, getdatabaseencoding() as encoding, current_setting('server_version_num') as version`,
  ]);
  const [row] = first as { digest: string | null; encoding: string; version: string }[];
  const shape = await readTableShape(session, table);
  return {
    shape,
    digest: row?.digest ?? null,
    encoding: row?.encoding ?? 'UTF8',
    hashesRecords: Number(row?.version) >= HASHES_RECORDS,
  };
}
