import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { type Database, execute, run } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { readRecordKeys } from './record-keys.js';
import { readSeals, type Seal } from './read-seals.js';

/** Which records of a site can be removed. */
export interface Prunable {
  /** All records up to the last one of this seal; null: no seal is old enough. */
  readonly under: Seal | null;
  readonly records: number;
  readonly newestSeal: Seal | null;
  /** The last records of seals that do not fit; nothing can be removed then. */
  readonly broken: readonly number[];
}

/**
 * Finds the records that a seal of the site's own sums up and that are older than so many days, by the remote's clock. Only all
 * records of a seal: a walk can begin behind a seal, and nowhere between. Never the newest record, which the site's place is compared with.
 */
export async function readPrunable(
  remote: Database,
  siteId: string,
  trusted: readonly string[],
  olderThanDays: number,
): Promise<Prunable> {
  return withTransaction(remote, { isolation: 'repeatable read, read only' }, async (session) => {
    const { seals, broken } = await readSeals(session, siteId, await readRecordKeys(session, siteId, trusted));
    const old = await run<{ seq: string; records: string }>(session, {
      text: `
        select s.seq::text as seq,
          (select count(*) from meter_sync.custody c where c.site = s.site and c.seq <= s.seq)::text as records
        from meter_sync.custody_seal s
        where s.site = $1::text
          and s.seq = any($2::integer[])
          and exists (select from meter_sync.custody n where n.site = s.site and n.seq > s.seq)
          and s.last_committed_at < now() - $3::integer * interval '24 hours'
        order by s.seq desc
        limit 1`,
      values: [siteId, seals.map(({ seq }) => Number(seq)), olderThanDays],
    });
    const under = broken.length > 0 ? undefined : seals.find(({ seq }) => seq === old[0]?.seq);
    const records = under === undefined ? 0 : Number(old[0]?.records);
    return { under: under ?? null, records, newestSeal: seals.at(-1) ?? null, broken };
  });
}

/** Records that one transaction removes: it is short, whatever was asked for. */
const CHUNK = 10_000;

/**
 * Removes the records of a site up to one of them.
 * @returns how many were removed
 * @throws DatabaseFailure `credentials` - this user may not; says the grant
 */
export async function pruneRecords(remote: Database, siteId: string, upTo: number): Promise<number> {
  const text = `
    delete from meter_sync.custody c
    where c.site = $1::text
      and c.seq <= $2::integer
      and c.seq < ${CHUNK} + (select min(f.seq) from meter_sync.custody f where f.site = $1::text)`;
  let removed = 0;
  for (;;) {
    const more = await withTransaction(remote, { isolation: 'read committed' }, (session) =>
      execute(session, { text, values: [siteId, upTo] }),
    ).catch(explainRefusal);
    if (more === 0) return removed;
    removed += more;
  }
}

function explainRefusal(error: unknown): never {
  if (!(error instanceof DatabaseFailure) || error.sqlstate !== SQLSTATE.insufficientPrivilege) throw error;
  const table = 'meter_sync.custody';
  const message =
    'remote database: this user may not remove custody records, as it should be for a worker. ' +
    `Its DBA runs, for the user who is to prune: grant select, delete on ${table} to ...`;
  throw new DatabaseFailure('credentials', message, { side: 'remote', table, sqlstate: error.sqlstate, cause: error });
}
