import { byName } from '../../../src/model/table.js';
import { readTableShape } from '../../../src/postgres/catalog.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { type ForeignKey, readForeignKeys } from '../../../src/postgres/foreign-keys.js';
import { ident, relation } from '../../../src/postgres/identifier.js';
import { type Database, execute, run, runAll, type Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { TEXT_FORMS } from '../../../src/postgres/text-forms.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import type { Attempt } from '../../attempt.js';
import type { UploadPlan } from '../plan/plan-upload.js';
import { isQueued, type Queue } from '../queue/queue.js';
import { countQuarantine } from './list.js';

/** What cannot be looked up is simply tried again after this. */
const RETRY_AFTER = '10 minutes';
/** Parents that are asked for at once, so that the message stays small. */
const MAX_PARENTS = 10_000;

/**
 * Releases the quarantined readings whose cause has healed, so that the next batch takes them: the remote has the unknown
 * meter by now, or may have the missing partition. Costs one trip to the remote for each foreign key, and none when no
 * such reading waits. It never stops an upload.
 * @throws DatabaseFailure `unreachable`
 */
export async function releaseHealed(plan: UploadPlan, siteId: string, { signal, log }: Attempt): Promise<void> {
  try {
    const released = await withTransaction(plan.local, { isolation: 'read committed', signal }, async (here) => {
      await runAll(here, TEXT_FORMS);
      const [orphans] = await run<{ any: string }>(here, {
        text: `select exists (select from meter_sync.quarantine as q where ${IS_ORPHAN})::text as any`,
        values: [siteId],
      });
      const found = orphans?.any === 'true' ? await releaseOrphans(here, plan, siteId, signal) : 0;
      return found + (await execute(here, releaseOld(siteId, HAS_NO_PARTITION)));
    });
    if (released > 0) log.info('readings from quarantine are tried again', { readings: released });
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.kind === 'unreachable') throw error;
    log.warn('could not find out which readings in quarantine have healed', { error: error.message });
  }
}

/**
 * Forgets the readings that have left the queue, uploaded since they were released or deleted at the site, and answers with
 * how many are still in quarantine.
 */
export async function tidyQuarantine(
  local: Database,
  queue: Queue,
  siteId: string,
  signal: AbortSignal,
): Promise<number> {
  return withTransaction(local, { isolation: 'read committed', signal }, async (session) => {
    await runAll(session, TEXT_FORMS);
    await execute(session, {
      text: `
        delete from meter_sync.quarantine as q
        where q.site = $1::text
          and not exists (
            select from ${relation(queue.readings.table)} as r where ${hasKey(queue)} and ${isQueued(queue.readings, 'r')})`,
      values: [siteId],
    });
    const [row] = await run<{ rows: string }>(session, countQuarantine(siteId));
    return Number(row?.rows);
  });
}

async function releaseOrphans(here: Session, plan: UploadPlan, siteId: string, signal: AbortSignal): Promise<number> {
  return withTransaction(plan.remote, { isolation: 'repeatable read, read only', signal }, async (there) => {
    await runAll(there, TEXT_FORMS);
    const sent = new Set(plan.transfer.columns.map(({ name }) => name));
    const travels = ({ columns }: ForeignKey): boolean => columns.every((name) => sent.has(name));
    const keys = (await readForeignKeys(there, plan.readings.table)).filter(travels);
    if (keys.length === 0) return execute(here, releaseOld(siteId, IS_ORPHAN));
    const types = byName((await readTableShape(there, plan.readings.table)).columns);
    const known: string[][] = [];
    for (const key of keys) {
      const wanted = await readParents(here, selectWanted(plan, siteId, key));
      const parentTypes = key.columns.map((name) => types.get(name)?.type ?? 'text');
      known.push(await readParents(there, selectKnown(key, parentTypes, wanted)));
    }
    return execute(here, releaseWithParents(plan, siteId, keys, known));
  });
}

/** The columns of a foreign key in each row, as a JSON array of texts. */
async function readParents(session: Session, statement: Statement): Promise<string[]> {
  return (await run<{ parent: string }>(session, statement)).map(({ parent }) => parent);
}

const IS_ORPHAN = `q.site = $1::text and q.sqlstate = '${SQLSTATE.foreignKeyViolation}' and not q.is_released`;
/** A table in parts has no part for the reading: the one refusal by a check that names no constraint. */
const HAS_NO_PARTITION = `q.site = $1::text and q.sqlstate = '${SQLSTATE.checkViolation}' and q.constraint_name is null and not q.is_released`;

function releaseOld(siteId: string, which: string): Statement {
  return {
    text: `
      update meter_sync.quarantine as q
      set is_released = true
      where ${which}
        and q.last_tried_at < clock_timestamp() - interval '${RETRY_AFTER}'`,
    values: [siteId],
  };
}

function selectWanted({ queue }: UploadPlan, siteId: string, key: ForeignKey): Statement {
  return {
    text: `
      select distinct ${parentOf(key)} as parent
      from meter_sync.quarantine as q
      join ${relation(queue.readings.table)} as r on ${hasKey(queue)}
      where ${IS_ORPHAN}
        and not ${hasNull(key)}
      limit ${MAX_PARENTS}`,
    values: [siteId],
  };
}

function selectKnown(key: ForeignKey, types: readonly string[], wanted: readonly string[]): Statement {
  const same = key.parentColumns.map(
    (name, at) => `p.${ident(name)} = (w.parent::json ->> ${at})::${types[at] ?? 'text'}`,
  );
  return {
    text: `
      select w.parent
      from unnest($1::text[]) as w(parent)
      where exists (select from ${key.parent} as p where ${same.join(' and ')})`,
    values: [wanted],
  };
}

/** Releases those that have all their parents; a foreign key with a null in it asks for none. */
function releaseWithParents(
  { queue }: UploadPlan,
  siteId: string,
  keys: readonly ForeignKey[],
  known: readonly (readonly string[])[],
): Statement {
  const has = keys.map((key, at) => `(${hasNull(key)} or ${parentOf(key)} = any($${at + 2}::text[]))`);
  return {
    text: `
      update meter_sync.quarantine as q
      set is_released = true
      from ${relation(queue.readings.table)} as r
      where ${IS_ORPHAN}
        and ${hasKey(queue)}
        and ${has.join(' and ')}`,
    values: [siteId, ...known],
  };
}

function parentOf({ columns }: ForeignKey): string {
  return `array_to_json(array[${columns.map((name) => `r.${ident(name)}::text`).join(', ')}])::text`;
}

function hasNull({ columns }: ForeignKey): string {
  return `(${columns.map((name) => `r.${ident(name)} is null`).join(' or ')})`;
}

/** The reading `r` that a row `q` of the quarantine is about, found by its key. */
function hasKey({ readings, keyTypes }: Queue): string {
  return readings.key.map((name, at) => `r.${ident(name)} = q.key[${at + 1}]::${keyTypes[at] ?? 'text'}`).join(' and ');
}
