import { compareEnds } from '../../../src/model/drift.js';
import { type HashedColumn, toHashedColumn } from '../../../src/model/hashed-column.js';
import { byName, type QueueTable, type TableShape } from '../../../src/model/table.js';
import { readTableShape } from '../../../src/postgres/catalog.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident, relation } from '../../../src/postgres/identifier.js';
import { HASHES_RECORDS } from '../../../src/postgres/row-hash.js';
import { type Database, run, runAll, type Session } from '../../../src/postgres/session.js';
import { TEXT_FORMS } from '../../../src/postgres/text-forms.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { readingHash, selectStored } from '../../custody/days/day-sums.js';
import { readQueue } from '../../upload/plan/plan-upload.js';
import { countQuarantine } from '../../upload/quarantine/list.js';
import { type Queue, selectOldest } from '../../upload/queue/queue.js';
import { readFiguresOf } from '../../upload/queue/queue-figures.js';

/** What waits at the site, and how much of it the remote has already. */
export interface VerifiedQueue {
  readonly waiting: number;
  readonly isEstimate: boolean;
  readonly inQuarantine: number;
  readonly oldest: string | null;
  /** Of so many of the oldest that were looked for ... */
  readonly looked: number;
  /** ... the remote has readings with the keys of so many. */
  readonly sameKey: number;
  /** Of these so many have the same content: a batch that was sent and not removed. Null: the content could not be compared. */
  readonly alreadyThere: number | null;
}

/** How it is told to stop, and how far it has come. */
interface QueueWatch {
  readonly isStopped: () => boolean;
  readonly onProgress: (looked: number, total: number) => void;
}

/** More would say the same: what was sent and not removed is among the oldest. */
const MAX_LOOKED = 200_000;
const CHUNK = 10_000;

/**
 * Looks at the queue, and which of its oldest readings the remote has. A key alone says little: where a database numbers the
 * readings by itself, a restored site gives numbers a second time.
 */
export async function verifyQueue(
  { local, remote, readings }: { local: Database; remote: Database; readings: QueueTable },
  siteId: string,
  watch: QueueWatch,
): Promise<VerifiedQueue> {
  const there = await inForms(remote, (session) => readEnd(session, readings));
  const { here, queue, ...figures } = await inForms(local, async (session) => {
    const end = await readEnd(session, readings);
    const found = { ...(await readQueue(session, readings)), quarantineOf: siteId };
    const { queueSize, queueSizeIsEstimate, oldestUnsynced } = await readFiguresOf(session, found);
    const [quarantine] = await run<{ rows: string }>(session, countQuarantine(siteId));
    const waiting = { waiting: queueSize, isEstimate: queueSizeIsEstimate, oldest: oldestUnsynced };
    return { here: end, queue: found, ...waiting, inQuarantine: Number(quarantine?.rows) };
  });
  const oldest = await readOldest(local, queue, toContent(readings, here, there));
  return { ...figures, ...(await countPresent({ remote, readings, there }, oldest, watch)) };
}

function inForms<Result>(database: Database, work: (session: Session) => Promise<Result>): Promise<Result> {
  return withTransaction(database, { isolation: 'repeatable read, read only' }, async (session) => {
    await runAll(session, TEXT_FORMS);
    return work(session);
  });
}

interface End {
  readonly shape: TableShape;
  readonly canHash: boolean;
  readonly isUtf8: boolean;
}

async function readEnd(session: Session, { table }: QueueTable): Promise<End> {
  const shape = await readTableShape(session, table);
  const [server] = await run<{ version: string; encoding: string }>(session, {
    text: `select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding`,
    values: [],
  });
  return { shape, canHash: Number(server?.version) >= HASHES_RECORDS, isUtf8: server?.encoding === 'UTF8' };
}

/** How the content of a reading is hashed; null: it cannot be compared. */
type Content = { readonly columns: readonly HashedColumn[]; readonly stored: string; readonly hash: string } | null;

/** The remote is asked for what it stores, the site for what the remote would store. */
function toContent(readings: QueueTable, here: End, there: End): Content {
  const { drifts, transfer } = compareEnds({ queue: readings, local: here.shape, remote: there.shape });
  if (drifts.length > 0 || !here.canHash || !there.canHash) return null;
  const remoteColumns = byName(there.shape.columns);
  const columns = transfer.columns.flatMap(({ name }) => remoteColumns.get(name) ?? []).map(toHashedColumn);
  return { columns, stored: selectStored(transfer.columns), hash: readingHash(columns, 's', here.isUtf8) };
}

/** The oldest readings, and how their content is hashed; null: it is not. */
interface Oldest {
  readonly rows: readonly { readonly key: string; readonly hash: string | null }[];
  readonly columns: readonly HashedColumn[] | null;
}

async function readOldest(local: Database, queue: Queue, content: Content): Promise<Oldest> {
  const { stored, hash, columns } = content ?? { stored: '', hash: 'null', columns: null };
  try {
    return await inForms(local, async (session) => ({
      rows: await run(session, selectOldest(queue, { hash, stored }, MAX_LOOKED)),
      columns,
    }));
  } catch (error) {
    // One of them has a value that the remote's type does not take: the upload finds out which.
    if (content === null || !(error instanceof DatabaseFailure) || error.kind !== 'data') throw error;
    return readOldest(local, queue, null);
  }
}

async function countPresent(
  { remote, readings, there }: { remote: Database; readings: QueueTable; there: End },
  { rows, columns }: Oldest,
  { isStopped, onProgress }: QueueWatch,
): Promise<Pick<VerifiedQueue, 'looked' | 'sameKey' | 'alreadyThere'>> {
  const types = byName(there.shape.columns);
  const same = readings.key.map(
    (name, at) => `r.${ident(name)} = (k.key::json ->> ${at})::${types.get(name)?.type ?? 'text'}`,
  );
  const text = `
    select count(*)::text as there, (count(*) filter (where r.hash = k.hash))::text as same
    from unnest($1::text[], $2::text[]) as k(key, hash)
    cross join lateral (
      select ${columns === null ? 'null' : `(${readingHash(columns, 'r')})::text`} as hash
      from ${relation(readings.table)} as r
      where ${same.join(' and ')}
      offset 0
    ) as r`;
  let [looked, sameKey, alreadyThere] = [0, 0, 0];
  while (looked < rows.length && !isStopped()) {
    const chunk = rows.slice(looked, looked + CHUNK);
    const values = [chunk.map(({ key }) => key), chunk.map(({ hash }) => hash)];
    const [row] = await inForms(remote, (session) => run<{ there: string; same: string }>(session, { text, values }));
    sameKey += Number(row?.there);
    alreadyThere += Number(row?.same);
    looked += chunk.length;
    if (rows.length > CHUNK) onProgress(looked, rows.length);
  }
  return { looked, sameKey, alreadyThere: columns === null && sameKey > 0 ? null : alreadyThere };
}
