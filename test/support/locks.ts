import type { TestDatabase } from './postgres.js';
import { until } from './wait.js';

const HERE = 'database = (select oid from pg_database where datname = current_database())';

/** Waits until a connection of this database waits for a lock: what is tested is then in the middle of its work. */
export async function untilLockIsAwaited(database: TestDatabase): Promise<void> {
  const waiting = `select 1 from pg_locks where ${HERE} and not granted`;
  await until(() => database.value(waiting), {
    what: `a connection of the ${database.side} database waits for a lock`,
  });
}

/** Waits until no connection of this database holds an advisory lock or waits for one. */
export async function untilNoAdvisoryLock(database: TestDatabase): Promise<void> {
  const locks = `select count(*) from pg_locks where ${HERE} and locktype = 'advisory'`;
  await until(async () => (await database.value(locks)) === '0', {
    what: `the connections of the ${database.side} database have ended their transactions`,
  });
}
