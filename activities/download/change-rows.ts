import { run, runAll } from '../../src/postgres/session.js';
import type { Attempt } from '../attempt.js';
import { applyChanges } from './apply-changes.js';
import { countChanges } from './changes.js';
import { findChanges } from './find-changes.js';
import { checkChanges } from './check-changes.js';
import { checkKeys, checkStagedKeys } from './check-ends.js';
import { canFill, fillTable } from './fill-table.js';
import { fetchRows } from './fetch-rows.js';
import type { OpenHold } from './hold.js';
import { listLocal, listRemote } from './list-rows.js';
import type { Look, Sessions } from './look.js';
import type { Download, DownloadOptions } from './make-equal.js';
import { forgetHashes, forgetRefused, saveMemory, type TableMemory } from './memory.js';
import { setAsideOrphans } from './set-aside.js';
import { countOwned, createTables, hashNames, LOCAL_ROWS, REMOTE_ROWS, STAGED, TROUBLE, WANTED } from './staging.js';
import { ident } from '../../src/postgres/identifier.js';
import { MEMORY_FOR_LISTS } from './text-session.js';
import { readTold } from './told-changes.js';

/** Finds out which rows differ, fetches them, and makes them equal. Without a difference nothing is read, moved or written. */
export async function changeRows(
  sessions: Sessions,
  look: Look,
  memory: TableMemory,
  options: DownloadOptions & { readonly attempt: Attempt; readonly hold: OpenHold | null },
): Promise<Download> {
  const { plan } = look;
  const isKnown = memory.signature === look.signature;
  if (isKnown && !options.full && isUnchanged(look, memory)) return nothingDone(look, memory);
  const { here } = sessions;
  await runAll(here, [MEMORY_FOR_LISTS, createTables(plan)]);
  if (!isKnown) await forgetHashes(here, memory);
  if (options.full) await forgetRefused(here, memory);
  const usable = isKnown ? memory : { ...memory, remote_rows: '0', remote_sum: '' };
  if (canFill(look, usable)) {
    const rows = Number(look.remote.rows); // only new ones, so the guard has nothing to say
    const after = await fillTable(sessions, look, memory);
    if (after !== null) return { ...nothingDone(look, after), localCount: rows, inserted: rows };
  }
  const staged = await stageDifferent(sessions, look, usable);
  options.attempt.heartbeat({ table: plan.table.name, rows: staged.rows });
  const orphans = staged.rows === 0 ? [] : await setAsideOrphans(here, plan);
  await findChanges(here, plan, memory, staged.rows);
  const counts = await countChanges(here, plan, { remoteRows: Number(look.remote.rows), staged: staged.rows });
  const isApproved = await checkChanges(here, plan, counts, { ...options, memory });
  const applied = await applyChanges(here, plan, counts);
  const told = await readTold(here);
  const after = await saveMemory(here, memory, look.signature);
  const [local] = await run<{ rows: string }>(here, countOwned(plan));
  return {
    ...applied,
    localCount: Number(local?.rows ?? 0),
    remoteCount: Number(look.remote.rows),
    deletes: plan.absence.rule === 'delete',
    isApproved,
    told,
    waiting: [...orphans, ...applied.waiting],
    refused: [...staged.refused, ...applied.refused],
    counts: toCounts(look, after),
  };
}

/** Rows that wait for another table are tried again each time: nobody tells when their row has come. */
function isUnchanged({ local, remote }: Look, memory: TableMemory): boolean {
  return (
    memory.waiting === '0' &&
    local.rows === memory.local_rows &&
    local.sum === memory.local_sum &&
    remote.rows === memory.remote_rows &&
    remote.sum === memory.remote_sum
  );
}

function nothingDone(look: Look, memory: TableMemory): Download {
  return {
    localCount: Number(look.local.rows),
    remoteCount: Number(look.remote.rows),
    inserted: 0,
    updated: 0,
    gone: 0,
    deletes: false,
    isApproved: false,
    told: [],
    waiting: [],
    refused: [],
    counts: toCounts(look, memory),
  };
}

function toCounts({ plan }: Look, { waiting, refused, gone }: TableMemory): Download['counts'] {
  return {
    waiting: Number(waiting),
    refused: Number(refused),
    kept: plan.absence.rule === 'keep' ? Number(gone) : 0,
  };
}

interface Staged {
  readonly rows: number;
  readonly refused: Awaited<ReturnType<typeof fetchRows>>;
}

/** A table that is empty here needs no list: every row is fetched, and brings its hashes. */
async function stageDifferent(sessions: Sessions, look: Look, memory: TableMemory): Promise<Staged> {
  const { plan } = look;
  const { here } = sessions;
  const isFill = look.local.rows === '0' && memory.remote_rows === '0';
  let refused: Staged['refused'];
  if (isFill) {
    refused = await fetchRows(sessions, plan, { all: true });
    await runAll(here, [listStaged(plan), `analyze ${REMOTE_ROWS}`]);
    await checkKeys(here, plan);
  } else {
    await listLocal(here, plan);
    await listRemote(sessions, plan, memory, look.remote);
    await checkKeys(here, plan);
    const rows = await choose(sessions, memory);
    refused = await fetchRows(sessions, plan, { all: false, rows, remoteRows: Number(look.remote.rows) });
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
async function choose({ here }: Sessions, { id }: TableMemory): Promise<number> {
  const [, [count]] = (await runAll(here, [
    `insert into ${WANTED} (key_hash)
     select r.key_hash
     from ${REMOTE_ROWS} as r
     left join ${LOCAL_ROWS} as l on l.key_hash = r.key_hash
     left join meter_sync.download_row as m on m.table_id = ${id} and m.key_hash = r.key_hash
     where l.row_hash is distinct from r.row_hash
       and (m.state is not distinct from 'waiting'
         or m.remote_hash is distinct from r.row_hash
         or m.local_hash is distinct from l.row_hash)`,
    `select count(*)::text as rows from ${WANTED}`,
  ])) as [unknown[], [{ rows: string }]];
  return Number(count.rows);
}
