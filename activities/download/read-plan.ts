import type { OwnedTable } from '../../src/model/table.js';
import { readTableShape } from '../../src/postgres/catalog.js';
import { runAll, type Session } from '../../src/postgres/session.js';
import { checkFilter } from './check-ends.js';
import { selectDigest } from './fingerprint.js';
import type { KnownTable } from './known-tables.js';
import { planDownload } from './plan-download.js';
import { signatureOf } from './row-hashes.js';

/**
 * Reads both catalogues and makes the plan of a download.
 * @throws DatabaseFailure `schema`, `config` - the tables, or the settings that name them
 */
export async function readPlan(here: Session, there: Session, owned: OwnedTable): Promise<KnownTable> {
  const [local, remote] = await Promise.all([readEnd(here, owned), readEnd(there, owned)]);
  const plan = planDownload(owned, { local: local.shape, remote: remote.shape, isUtf8: local.isUtf8 && remote.isUtf8 });
  await Promise.all([checkFilter(here, owned), checkFilter(there, owned)]);
  return { plan, signature: signatureOf(plan), digests: { local: local.digest, remote: remote.digest } };
}

/** The digest first: a catalogue that changes in between is then read again by the next download. */
async function readEnd(
  session: Session,
  { table }: OwnedTable,
): Promise<{
  readonly shape: Awaited<ReturnType<typeof readTableShape>>;
  readonly digest: string | null;
  readonly isUtf8: boolean;
}> {
  const [first] = await runAll(session, [
    `select (${selectDigest(table)}) as digest, getdatabaseencoding() as encoding`,
  ]);
  const [row] = first as { digest: string | null; encoding: string }[];
  const shape = await readTableShape(session, table);
  return { shape, digest: row?.digest ?? null, isUtf8: row?.encoding === 'UTF8' };
}
