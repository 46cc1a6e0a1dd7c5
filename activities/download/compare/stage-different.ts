import { ident } from '../../../src/postgres/identifier.js';
import { run, runAll, type Session } from '../../../src/postgres/session.js';
import { checkKeys, checkStagedKeys } from './check-ends.js';
import { fetchRows } from './fetch-rows.js';
import type { DifferingParts } from './find-parts.js';
import type { DownloadLimits } from '../plan/limits.js';
import { listRows } from './list-rows.js';
import type { Look, Sessions } from './look.js';
import { hashNames, LOCAL_ROWS, REMEMBERED, REMOTE_ROWS, STAGED, TROUBLE, WANTED } from './staging.js';

/** What lies ready to be compared. */
export interface Staged {
  readonly rows: number;
  readonly refused: Awaited<ReturnType<typeof fetchRows>>;
}

/** How the rows are found. */
export interface Staging {
  readonly parts: DifferingParts;
  readonly limits: DownloadLimits;
  /** True: every row is fetched, and brings its hashes, so no list is needed. */
  readonly isEmpty: boolean;
}

/**
 * Fetches the rows that differ into the staging table, after the lists of both ends have been laid out.
 * @throws DatabaseFailure `schema` - a key that does not tell the rows apart; else of the side that failed
 */
export async function stageDifferent(
  sessions: Sessions,
  { plan, remote }: Look,
  { parts, limits, isEmpty }: Staging,
): Promise<Staged> {
  const { here } = sessions;
  let refused: Staged['refused'];
  if (isEmpty) {
    refused = await fetchRows(sessions, plan, { all: true }, limits);
    await runAll(here, [listStaged(plan), `analyze ${REMOTE_ROWS}`]);
    await checkKeys(sessions, plan);
  } else {
    await listRows(sessions, plan, parts);
    await checkKeys(sessions, plan);
    const rows = await choose(here);
    refused = await fetchRows(sessions, plan, { all: false, rows, remoteRows: Number(remote.rows) }, limits);
  }
  await checkStagedKeys(here, plan);
  const [count] = await run<{ rows: string }>(here, {
    text: `select count(*)::text as rows from ${STAGED}`,
    values: [],
  });
  return { rows: Number(count?.rows ?? 0), refused };
}

function listStaged(plan: Look['plan']): string {
  const names = hashNames(plan);
  return `
    insert into ${REMOTE_ROWS} (key_hash, row_hash)
    select ${ident(names.key)}, ${ident(names.row)} from ${STAGED}
    union all
    select key_hash, row_hash from ${TROUBLE}`;
}

/** Rows that differ, but for those of which all is known: the local table refuses them, or cannot hold them exactly. */
async function choose(here: Session): Promise<number> {
  const [, [count]] = (await runAll(here, [
    `insert into ${WANTED} (key_hash)
     select r.key_hash
     from ${REMOTE_ROWS} as r
     left join ${LOCAL_ROWS} as l on l.key_hash = r.key_hash
     left join ${REMEMBERED} as m on m.key_hash = r.key_hash
     where l.row_hash is distinct from r.row_hash
       and (m.state is not distinct from 'waiting'
         or m.remote_hash is distinct from r.row_hash
         or m.local_hash is distinct from l.row_hash)`,
    `select count(*)::text as rows from ${WANTED}`,
  ])) as [unknown[], [{ rows: string }]];
  return Number(count.rows);
}
