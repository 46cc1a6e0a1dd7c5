import pg, { type Pool, type PoolClient } from 'pg';
import type { LockHolder, Sighting } from '../model/silence.js';
import { cutConnection } from './cut-connection.js';
import { type Address, TidyClient, type TidyClientConfig } from './client.js';
import { SQLSTATE } from './sqlstate.js';

/** A connection that is waited for, and what it was last asked. */
export interface Waiting {
  readonly pool: Pool;
  readonly client: PoolClient;
  readonly text: string;
  /** How far its COPY had come at the last look; null: there was none. */
  readonly moved: string | null;
}

/** What was seen, and how far its COPY has come now; null: it is none, or the server does not say. */
export interface Look {
  readonly sighting: Sighting;
  readonly moved: string | null;
}

const NOTHING: Look = { sighting: { seen: 'nothing' }, moved: null };

/**
 * Looks at a connection that is silent, over a second one to the same server. It is none of the pool's: those may all be waiting.
 * Never throws; a second connection that is silent, too, is an answer.
 *
 * Why a second connection: a busy server and a dead link look the same from the first one, and that the kernel at the other end
 * acknowledges (TCP keepalive) says nothing of the server, nor does it pass a proxy.
 */
export async function look(waiting: Waiting, timeoutMs: number): Promise<Look> {
  const { pool, client } = waiting;
  const { host, port } = client as unknown as Address;
  const { password } = pool.options; // hidden from spreading
  const config: TidyClientConfig & { findAddress?: unknown } = {
    ...(pool.options as TidyClientConfig),
    ...(password === undefined ? {} : { password }),
    ...{ host, port, connectionTimeoutMillis: timeoutMs },
  };
  delete config.findAddress; // the same server, whatever others the settings name
  const second = new TidyClient(config);
  second.on('error', () => undefined); // what fails tells so by itself
  const limit = setTimeout(() => cutConnection(second), timeoutMs);
  try {
    await second.connect();
    return await ask(second, waiting);
  } catch (error) {
    const isFull = error instanceof pg.DatabaseError && error.code === SQLSTATE.tooManyConnections;
    return isFull ? { sighting: { seen: 'full' }, moved: null } : NOTHING;
  } finally {
    clearTimeout(limit);
    second.end().catch(() => undefined); // nobody waits for its goodbye
  }
}

interface SeenSession {
  readonly state: string | null;
  readonly waits_for: string | null;
  readonly event: string | null;
  readonly locked_table: string | null;
  readonly holder: string | null;
  readonly version: string;
}

/**
 * Found by what it was asked: behind a pooler the number that we know is the pooler's own. `pg_locks` and `pg_blocking_pids` are
 * open to everybody; of the sessions of other users `pg_stat_activity` tells number, user and program.
 */
const SELECT_SESSION = `
  select s.state, s.wait_event_type as waits_for, s.wait_event as event,
    (select l.relation::regclass::text from pg_locks l
      where l.pid = s.pid and l.relation is not null and (not l.granted or l.locktype = 'tuple')
      order by l.granted limit 1) as locked_table,
    (select json_build_object('pid', b.pid, 'user', h.usename, 'program', h.application_name,
        'forSeconds', extract(epoch from clock_timestamp() - h.xact_start))::text
      from unnest(pg_blocking_pids(s.pid)) as b(pid) left join pg_stat_activity h on h.pid = b.pid limit 1) as holder,
    current_setting('server_version_num') as version
  from pg_stat_activity s
  where s.datname = current_database() and s.usename = current_user and s.pid <> pg_backend_pid()
    and s.application_name = current_setting('application_name')
    and (s.pid = $1::integer or left(s.query, 200) = left($2::text, 200))
  order by left(s.query, 200) = left($2::text, 200) desc, s.pid = $1::integer desc
  limit 1`;

/** Came with 14. */
const SELECT_MOVED = `select concat_ws(' ', bytes_processed, tuples_processed) as moved from pg_stat_progress_copy where pid = $1::integer`;
const TELLS_COPIES = 140_000;

async function ask(second: pg.Client, { client, text, moved: before }: Waiting): Promise<Look> {
  const { processID: pid } = client as unknown as { readonly processID: number };
  const { rows } = await second.query<SeenSession>(SELECT_SESSION, [pid, text]);
  const [session] = rows;
  if (session === undefined) return { sighting: { seen: 'gone' }, moved: null };
  if (session.waits_for !== 'Client' || Number(session.version) < TELLS_COPIES) {
    return { sighting: judge(session), moved: null };
  }
  const [progress] = (await second.query<{ moved: string }>(SELECT_MOVED, [pid])).rows;
  const moved = progress?.moved ?? null;
  const hasMoved = moved !== null && moved !== before;
  return { sighting: hasMoved ? { seen: 'work' } : judge(session), moved };
}

function judge({ state, waits_for, event, locked_table: table, holder }: SeenSession): Sighting {
  if (state !== 'active') return { seen: 'idle' };
  if (waits_for === 'Lock') {
    return { seen: 'lock', table, holder: holder === null ? null : (JSON.parse(holder) as LockHolder) };
  }
  if (event === 'SyncRep') return { seen: 'standby' };
  return { seen: waits_for === 'Client' ? 'stalled' : 'work' };
}
