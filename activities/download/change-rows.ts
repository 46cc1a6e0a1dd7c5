import { run, runAll } from '../../src/postgres/session.js';
import type { Attempt } from '../attempt.js';
import { applyChanges } from './apply/apply-changes.js';
import { countChanges } from './compare/changes.js';
import { checkCascade } from './plan/check-readings.js';
import { checkChanges } from './guard/check-changes.js';
import { canFill, fillTable } from './apply/fill-table.js';
import { findChanges } from './compare/find-changes.js';
import { ALL_PARTS, findParts } from './compare/find-parts.js';
import type { OpenHold } from './guard/hold.js';
import { DEFAULT_LIMITS } from './plan/limits.js';
import { readKept } from './history/kept-rows.js';
import type { Look, Sessions } from './compare/look.js';
import type { Download, DownloadOptions } from './make-equal.js';
import { recallRows, type TableMemory } from './compare/memory.js';
import { packRows } from './compare/pack-rows.js';
import { saveMemory } from './compare/save-memory.js';
import { setAsideOrphans } from './apply/set-aside.js';
import { stageDifferent } from './compare/stage-different.js';
import { countOwned, createTables } from './compare/staging.js';
import { END_REMOTE, MEMORY_FOR_LISTS } from './plan/text-session.js';
import { readTold } from './history/told-changes.js';

/** What a download knows besides the look. */
export interface Changing extends DownloadOptions {
  readonly attempt: Attempt;
  readonly hold: OpenHold | null;
}

/** Finds out which rows differ, fetches them, and makes them equal. Without a difference nothing is read, moved or written. */
export async function changeRows(
  sessions: Sessions,
  look: Look,
  memory: TableMemory,
  options: Changing,
): Promise<Download> {
  const { plan, signature } = look;
  const isKnown = memory.signature === signature;
  const { here, there } = sessions;
  if (isKnown && !options.full && isUnchanged(look, memory)) {
    await runAll(there, END_REMOTE);
    return nothingDone(look, memory);
  }
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  await runAll(here, [MEMORY_FOR_LISTS, createTables(plan)]);
  if (canFill(look, memory, limits)) {
    const rows = Number(look.remote.rows); // only new ones, so the guard has nothing to say
    const after = await fillTable(sessions, look, memory, limits);
    if (after !== null) {
      await runAll(there, END_REMOTE);
      return { ...nothingDone(look, after), localCount: rows, inserted: rows };
    }
  }
  const parts = isKnown ? await findParts(sessions, look, memory, { limits, full: options.full }) : ALL_PARTS;
  await recallRows(here, memory, parts.touched, { isKnown, full: options.full });
  const staged = await stageDifferent(sessions, look, { parts, limits, isEmpty: isEmptyHere(look, memory) });
  await runAll(there, END_REMOTE); // it waits for nothing that happens here
  options.attempt.heartbeat({ table: plan.table.name, rows: staged.rows });
  const areNewListed = staged.rows <= limits.newInSet;
  await findChanges(here, plan, { rows: staged.rows, areNewListed });
  const figures = { areNewListed, remoteRows: Number(look.remote.rows), localRows: Number(look.local.rows) };
  const counts = await countChanges(here, plan, figures);
  const isApproved = await checkChanges(here, plan, counts, { ...options, memory, touched: parts.touched });
  const orphans = staged.rows === 0 ? [] : await setAsideOrphans(here, plan);
  const takesAway = plan.absence.rule === 'delete' && counts.gone > 0;
  if (takesAway && options.readings !== undefined) await checkCascade(here, plan, options.readings);
  const applied = await applyChanges(here, plan, counts, { areNewListed, rowsAtOnce: limits.rowsAtOnce });
  const told = await readTold(here);
  const kept = await readKept(here, plan);
  const tableRows = Math.max(figures.localRows, figures.remoteRows);
  const noted = { pack: packRows, touched: parts.touched, tableRows, signature, columns: plan.carried };
  const after = await saveMemory(here, memory, noted, limits);
  const [local] = await run<{ rows: string }>(here, countOwned(plan));
  return {
    ...applied,
    localCount: Number(local?.rows ?? 0),
    remoteCount: Number(look.remote.rows),
    deletes: plan.absence.rule === 'delete',
    isApproved,
    told,
    kept,
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
    kept: [],
    waiting: [],
    refused: [],
    unnamed: 0,
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

/** Nothing is here, and nothing is remembered that could differ. */
function isEmptyHere({ local, signature }: Look, memory: TableMemory): boolean {
  return local.rows === '0' && (memory.remote_rows === '0' || memory.signature !== signature);
}
