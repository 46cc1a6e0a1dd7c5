import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { ident, relation } from '../../../src/postgres/identifier.js';
import { type Database, run, runAll } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { TEXT_FORMS } from '../../../src/postgres/text-forms.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import type { Attempt } from '../../attempt.js';
import type { Queue } from '../queue/queue.js';
import { hasKey, KEPT_ROWS } from './kept-readings.js';

/** So much a run: more than a site writes between two cycles, and little beside the time that a cycle has. */
const MAX_PARTS = 100_000 / KEPT_ROWS;
const MAX_DURATION_MS = 2_000;
/** Whoever works with these readings goes first. */
const LOCK_TIMEOUT_MS = 1_000;

/**
 * Removes kept readings whose days are over, the oldest first, in small transactions and for a bounded time. Only what is in our
 * list goes: a row that somebody else has marked stays. It never stops an upload.
 * @throws DatabaseFailure `unreachable`
 */
export async function removeExpired(
  local: Database,
  { siteId, queue }: { readonly siteId: string; readonly queue: Queue },
  { signal, earlyEnd, log }: Attempt,
): Promise<void> {
  const endsAt = performance.now() + MAX_DURATION_MS;
  const statement = deleteExpired(siteId, queue);
  const options = { isolation: 'read committed', signal, lockTimeoutMs: LOCK_TIMEOUT_MS } as const;
  let [removed, parts] = [0, 0];
  try {
    while (parts < MAX_PARTS && performance.now() < endsAt && !earlyEnd.aborted) {
      const [row] = await withTransaction(local, options, async (session) => {
        await runAll(session, TEXT_FORMS);
        return run<{ parts: string; rows: string }>(session, statement);
      });
      if (row === undefined || row.parts === '0') break;
      parts += Number(row.parts);
      removed += Number(row.rows);
    }
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.kind === 'unreachable') throw error;
    log.warn('kept readings whose days are over could not be removed', { error: error.message });
  }
  if (parts > 0) log.info('kept readings whose days are over were removed', { readings: removed });
}

/** The oldest part that is over, and where the readings are in their own table these with it. Found by their key, which is unique there. */
function deleteExpired(siteId: string, queue: Queue): Statement {
  const { table, flag, keepDays = 0 } = queue.readings;
  const marked =
    flag === null
      ? 'select from expired where false'
      : `
        delete from ${relation(table)} as r
        using (select e.key from expired as e where e.columns is null) as u
        where ${hasKey(queue)}
          and r.${ident(flag)} is true
        returning 1`;
  return {
    text: `
      with part as (
        delete from meter_sync.kept_reading
        where id = (
          select k.id
          from meter_sync.kept_reading as k
          where k.site = $1::text
            and k.kept_at < clock_timestamp() - $2::integer * interval '1 day'
          order by k.kept_at
          limit 1
        )
        returning keys, columns
      ), expired as (
        select k.key, p.columns from part as p cross join lateral unnest(p.keys) as k(key)
      ), marked as (${marked})
      select (select count(*) from part)::text as parts,
        ((select count(*) from marked) + (select count(*) from expired as e where e.columns is not null))::text as rows`,
    values: [siteId, keepDays],
  };
}
