import { copyBetween } from '../../../src/postgres/copy.js';
import { ident, relation } from '../../../src/postgres/identifier.js';
import { keyHash, rowHash } from '../plan/hashes.js';
import { isOwned } from '../plan/owned-rows.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { askAll, PREPARE_LISTS, type Sessions } from '../plan/sessions.js';
import { checkKeys } from './check-keys.js';
import { isAsRemembered, type Look } from './compare-ends.js';
import { addsUp, selectFigures, type TableMemory } from './memory.js';
import type { RefusedRow } from './refused-rows.js';
import { CREATE_LISTED, CREATE_TABLES, DIFFERENCES, hashNames, LISTED, STAGED } from './tables.js';

/** How an end's rows are known: SQL of `key_hash` and `row_hash`; null: they are as remembered. */
interface Source {
  readonly rows: string | null;
}

/** What the comparison of all rows came to. */
export interface Differences {
  /** Rows to be fetched: they differ, and no earlier download has found that nothing can be done about it. */
  readonly wanted: number;
  /** Rows here that the remote once had and has no longer. */
  readonly gone: number;
  /** SQL of the key hashes of all remote rows. */
  readonly remoteKeys: string;
}

/** What the comparison knows besides the ends. */
export interface Comparing {
  readonly memory: TableMemory;
  /** True: rows that were refused are tried again, as those that wait. */
  readonly full: boolean;
}

/**
 * Lists an end that is no longer as remembered (the remote's list comes whole: two hashes a row), and compares both with the memory of
 * each row. A memory that was made in another way, or does not add up, says nothing of what the rows hold; what came from the
 * remote is still known.
 * @throws DatabaseFailure `schema` - a key that does not tell the rows apart
 */
export async function findDifferences(sessions: Sessions, look: Look, comparing: Comparing): Promise<Differences> {
  const { memory } = comparing;
  const { figures } = await askAll<{ figures: Readonly<Record<string, string>>[] }>(sessions.here, {
    figures: [...PREPARE_LISTS, ...CREATE_TABLES, CREATE_LISTED, selectFigures(memory)],
  });
  const isBelieved = memory.signature === look.signature && addsUp(figures, memory);
  const isListed = !isBelieved || !isAsRemembered(look.remote, memory, 'remote');
  if (isListed) await listRemote(sessions, look.plan);
  const local = isBelieved && isAsRemembered(look.local, memory, 'local') ? null : selectHashes(look.plan, 'local');
  const remote = isListed ? `select unnest(key_hash) as key_hash, unnest(row_hash) as row_hash from ${LISTED}` : null;
  return compare(sessions, look.plan, { ...comparing, isBelieved, remote: { rows: remote }, local: { rows: local } });
}

/** The same where nothing is here and all has been fetched: each staged row has brought its hashes, so no list is needed. */
export async function findFirstRows(
  sessions: Sessions,
  { plan }: Look,
  refused: readonly RefusedRow[],
  comparing: Comparing,
): Promise<Differences> {
  const { key, row } = hashNames(plan);
  const others = refused.map(({ keyHash: hash, rowHash: other }) => `(${hash}::bigint, ${other ?? 'null'}::bigint)`);
  const rows = [
    `select ${ident(key)} as key_hash, ${ident(row)} as row_hash from ${STAGED}`,
    ...(others.length === 0 ? [] : [`select * from (values ${others.join(', ')}) as v`]),
  ].join(' union all ');
  const none = 'select null::bigint as key_hash, null::bigint as row_hash where false';
  return compare(sessions, plan, { ...comparing, isBelieved: false, remote: { rows }, local: { rows: none } });
}

/** So many rows come in one message: as one message each they took the program as long as the remote's server took to hash them. */
const ROWS_IN_A_MESSAGE = 100;

async function listRemote({ here, there }: Sessions, plan: DownloadPlan): Promise<void> {
  const numbered = `select h.*, row_number() over () - 1 as place from (${selectHashes(plan, 'remote')}) as h`;
  const packed = `select array_agg(key_hash), array_agg(row_hash) from (${numbered}) as n group by place / ${ROWS_IN_A_MESSAGE}`;
  await copyBetween(
    { session: there, text: `copy (${packed}) to stdout (format binary)` },
    { session: here, text: `copy ${LISTED} (key_hash, row_hash) from stdin (format binary)` },
  );
}

function selectHashes(plan: DownloadPlan, side: 'local' | 'remote'): string {
  return `select ${keyHash(plan, side, 'r')} as key_hash, ${rowHash(plan, side, 'r')} as row_hash from ${relation(plan.table)} as r where ${isOwned(plan.filter, 'r')}`;
}

interface Sources extends Comparing {
  readonly isBelieved: boolean;
  readonly remote: Source;
  readonly local: Source;
}

async function compare(sessions: Sessions, plan: DownloadPlan, sources: Sources): Promise<Differences> {
  const { here } = sessions;
  const { found } = await askAll<{ found: Readonly<Record<'wanted' | 'gone' | 'ambiguous', string>>[] }>(here, {
    found: [
      insertDifferences(sources),
      `select count(*) filter (where is_wanted)::text as wanted, count(*) filter (where is_gone)::text as gone,
         count(*) filter (where is_ambiguous)::text as ambiguous
       from ${DIFFERENCES}`,
    ],
  });
  const [counts] = found;
  if (counts?.ambiguous !== '0') await checkKeys(sessions, plan);
  const { remote, memory } = sources;
  const keys = remote.rows ?? `${selectMemoryRows(memory)} and remote_hash is not null`;
  return {
    wanted: Number(counts?.wanted),
    gone: Number(counts?.gone),
    remoteKeys: `select key_hash from (${keys}) as k`,
  };
}

function selectMemoryRows({ id }: TableMemory): string {
  return `select key_hash, remote_hash, local_hash, is_brought, state from meter_sync.download_row where table_id = ${id}`;
}

/** In one pass over all hashes, which also finds a key that is there twice: to join the three lists takes as long, and would not. */
function insertDifferences({ memory, full, isBelieved, remote, local }: Sources): string {
  const had = (name: string): string => (isBelieved ? name : 'null::bigint');
  const now = (name: string, { rows }: Source): string => (rows === null ? name : 'null::bigint');
  const listed = (rows: string, hashes: string): string =>
    ` union all select key_hash, ${hashes}, null, null, null, null from (${rows}) as l`;
  const again = full ? `state in ('waiting', 'refused')` : `state = 'waiting'`;
  const isRefusedStill = full
    ? 'false'
    : `state is not distinct from 'refused' and had_remote is null and had_local is not distinct from local_hash`;
  return `
    insert into ${DIFFERENCES} (key_hash, remote_hash, local_hash, had_remote, had_local, is_brought, state, is_wanted, is_gone, is_ambiguous)
    select key_hash, remote_hash, local_hash, had_remote, had_local, is_brought, state,
      remote_hash is not null and local_hash is distinct from remote_hash and (${again} is true
        or had_remote is distinct from remote_hash or had_local is distinct from local_hash),
      remote_hash is null and local_hash is not null and is_brought is true and not (${isRefusedStill}), is_ambiguous
    from (
      select key_hash, max(remote_hash) as remote_hash, max(local_hash) as local_hash, max(had_remote) as had_remote,
        max(had_local) as had_local, bool_or(is_brought) as is_brought, max(state) as state,
        key_hash is null or count(remote_hash) > 1 or count(local_hash) > 1 as is_ambiguous
      from (
        select key_hash, ${now('remote_hash', remote)} as remote_hash, ${now('local_hash', local)} as local_hash,
          ${had('remote_hash')} as had_remote, ${had('local_hash')} as had_local, is_brought, state
        from (${selectMemoryRows(memory)}) as m
        ${remote.rows === null ? '' : listed(remote.rows, 'row_hash, null')}
        ${local.rows === null ? '' : listed(local.rows, 'null, row_hash')}
      ) as a
      group by key_hash
    ) as r
    where remote_hash is distinct from local_hash or had_remote is distinct from remote_hash
      or had_local is distinct from local_hash or state is not null or is_ambiguous`;
}

/** The key hashes of the rows that are to be fetched. */
export const SELECT_WANTED = `select key_hash::text as key from ${DIFFERENCES} where is_wanted`;
