import { randomInt } from 'node:crypto';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { run, type Session } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';

/**
 * Makes sure that the two ends are two databases. Readings that are "already there" in their own table would otherwise be
 * removed from the only place that has them.
 *
 * Advisory locks belong to a database, so a lock that this transaction holds at one end and cannot have at the other
 * proves that both are one: under whatever names, through whatever proxies, and with no right but to connect.
 * @throws DatabaseFailure `config` - nothing was removed
 */
export async function checkApart(here: Session, there: Session): Promise<void> {
  const key = [randomInt(2 ** 31), randomInt(2 ** 31)] as const; // nobody else can hold it by chance
  const [held] = await run<{ locked: string }>(here, tryLock(key));
  const [free] = await run<{ locked: string }>(there, tryLock(key));
  if (held?.locked === 'true' && free?.locked === 'true') return;
  throw new DatabaseFailure(
    'config',
    'local and remote are one and the same database, so nothing was removed; expected POSTGRES_SYNC_* for the ' +
      "site's database and POSTGRES_CLIENT_* for the customer's",
    { side: 'remote' },
  );
}

/** A lock of two parts: those of sites have one, so the two kinds never meet. It goes with its transaction. */
function tryLock(key: readonly [number, number]): Statement {
  return { text: 'select pg_try_advisory_xact_lock($1::integer, $2::integer)::text as locked', values: [...key] };
}
