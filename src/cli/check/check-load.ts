import type { ConnectionSettings } from '../../config/read/read-connection.js';
import { type LockHolder, toHolderWords } from '../../model/silence.js';
import type { TableRef } from '../../model/table.js';
import { toCounted } from '../../model/words.js';
import { relation } from '../../postgres/identifier.js';
import { type Database, run } from '../../postgres/session.js';
import type { Statement } from '../../postgres/statement.js';
import { withConnection } from '../../postgres/transaction.js';
import { MAX_CONNECTIONS } from '../../worker/site-pools.js';
import type { Findings } from './finding.js';

/** A transaction of the customer's may hold a table for some seconds. */
const LONG_LOCK_SECONDS = 5;

/** Looks at what others do on a server: who blocks the tables, how many connections are left, how large the database is. */
export async function checkLoad(
  database: Database,
  { user }: ConnectionSettings,
  tables: readonly TableRef[],
  findings: Findings,
): Promise<void> {
  await findings.attempt(async () => {
    const { blockers, slots } = await withConnection(database, {}, async (session) => ({
      blockers: await run<Blocker>(session, selectBlockers(tables)),
      slots: (await run<Slots>(session, selectSlots()))[0],
    }));
    checkBlockers(database, blockers, findings);
    if (slots !== undefined) checkSlots(database, { ...slots, user }, findings);
  });
}

interface Blocker {
  readonly holder: string;
  readonly table_name: string | null;
  /** `true`: a session of ours waits for it now. */
  readonly is_waited_for: string;
}

/**
 * Who holds a lock that an upload or a download would wait for, and whom sessions of this user wait for already. `pg_locks` and
 * `pg_blocking_pids` are open to everybody; of the sessions of other users `pg_stat_activity` tells number, user and program, and
 * to members of `pg_read_all_stats` the duration, too.
 */
function selectBlockers(tables: readonly TableRef[]): Statement {
  return {
    text: `
      with waiting as (
        select unnest(pg_blocking_pids(w.pid)) as pid, true as is_waited_for,
          (select l.relation::regclass::text from pg_catalog.pg_locks l
            where l.pid = w.pid and l.relation is not null and (not l.granted or l.locktype = 'tuple')
            order by l.granted limit 1) as table_name
        from pg_catalog.pg_stat_activity w
        where w.datname = current_database() and w.usename = current_user and w.wait_event_type = 'Lock'
      ), holding as (
        select coalesce(l.pid, 0) as pid, false as is_waited_for, l.relation::regclass::text as table_name
        from unnest($1::text[]) as ours(name)
        join pg_catalog.pg_locks l on l.relation = to_regclass(ours.name)::oid
        where l.granted and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
          and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
      )
      select bool_or(b.is_waited_for)::text as is_waited_for, max(b.table_name) as table_name,
        json_build_object('pid', b.pid, 'user', a.usename, 'program', a.application_name,
          'forSeconds', extract(epoch from clock_timestamp() - a.xact_start))::text as holder
      from (select * from waiting union all select * from holding) as b
      left join pg_catalog.pg_stat_activity a on a.pid = b.pid
      where b.pid <> pg_backend_pid() and (a.usename is distinct from current_user or a.application_name not like 'meter-sync%')
      group by b.pid, a.usename, a.application_name, a.xact_start
      order by b.pid`,
    values: [tables.map(relation)],
  };
}

function checkBlockers({ side }: Database, blockers: readonly Blocker[], findings: Findings): void {
  const told = blockers
    .map((blocker) => ({ ...blocker, holder: JSON.parse(blocker.holder) as LockHolder }))
    .filter(({ holder, ...of }) => of.is_waited_for === 'true' || (holder.forSeconds ?? Infinity) >= LONG_LOCK_SECONDS);
  if (told.length === 0) return findings.ok('nobody blocks a table of the sync');
  for (const { holder, table_name: table, is_waited_for: waited } of told) {
    const what = table === null ? 'rows that the sync waits for are' : `${table} is`;
    const now = waited === 'true' ? ', and the sync waits for it now' : '';
    findings.error(
      `${what} locked by ${toHolderWords(holder)}${now}`,
      holder.pid === 0
        ? `Ask the DBA of the ${side} database to commit or roll back the prepared transaction: select * from pg_prepared_xacts`
        : `Let that transaction end, or ask the DBA of the ${side} database to run: select pg_terminate_backend(${holder.pid})`,
    );
  }
}

interface Slots {
  readonly maximum: string;
  readonly reserved: string;
  readonly used: string;
  readonly of_role: string;
  readonly used_by_role: string;
  readonly of_database: string;
  readonly used_by_database: string;
  readonly size: string;
}

/** `reserved_connections` came with 16. A limit of -1 is none; a superuser has none. */
function selectSlots(): Statement {
  return {
    text: `
      select current_setting('max_connections') as maximum,
        (current_setting('superuser_reserved_connections')::integer
          + coalesce(current_setting('reserved_connections', true), '0')::integer)::text as reserved,
        (select sum(s.numbackends) from pg_catalog.pg_stat_database s)::text as used,
        (case when r.rolsuper then -1 else r.rolconnlimit end)::text as of_role,
        (select count(*) from pg_catalog.pg_stat_activity a where a.usesysid = r.oid)::text as used_by_role,
        (case when r.rolsuper then -1 else d.datconnlimit end)::text as of_database,
        (select s.numbackends from pg_catalog.pg_stat_database s where s.datid = d.oid)::text as used_by_database,
        pg_size_pretty(pg_database_size(d.oid)) as size
      from pg_catalog.pg_roles r, pg_catalog.pg_database d
      where r.rolname = current_user and d.datname = current_database()`,
    values: [],
  };
}

/** Fewer connections than a worker uses cost speed and quiet, and no reading. */
function checkSlots({ side }: Database, slots: Slots & { readonly user: string }, findings: Findings): void {
  const wanted = MAX_CONNECTIONS[side];
  const limits = [
    { of: `role "${slots.user}"`, limit: Number(slots.of_role), used: Number(slots.used_by_role) },
    { of: 'this database', limit: Number(slots.of_database), used: Number(slots.used_by_database) },
    { of: 'this server', limit: Number(slots.maximum) - Number(slots.reserved), used: Number(slots.used) },
  ].filter(({ limit }) => limit >= 0);
  const tight = limits.filter(({ limit, used }) => limit >= wanted && limit - used < wanted);
  for (const { of, limit, used } of tight) {
    findings.warning(
      `${of} has ${toCounted(Math.max(0, limit - used), 'connection slot')} left of ${limit}; a worker uses up to ${wanted}`,
      `Ask the DBA of the ${side} database which programs hold them: select usename, application_name, count(*) from pg_stat_activity group by 1, 2`,
    );
  }
  if (tight.length === 0) {
    const left = Math.min(...limits.map(({ limit, used }) => limit - used));
    findings.ok(`${toCounted(left, 'connection slot')} left; a worker uses up to ${wanted}`);
  }
  findings.ok(`the database has ${slots.size}; free disk space: unknown, since PostgreSQL does not tell it`);
}
