import { startWalk } from '../../../src/model/chain-walk.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { walkToEnd } from '../../../activities/custody/proof/walk-chain.js';
import { CONTENT, type LabDatabases, TOO_LARGE, UNKNOWN_METER } from './databases.js';
import { judgeFlavour } from './flavour.js';
import type { RunPlan } from './plan.js';
import { judgeReadings, type Known, type Verdict } from './verdict.js';

/** What was found at the end of a run, by comparing every reading that was ever made with both ends. */
export interface Findings extends Verdict {
  readonly chainFaults: readonly string[];
}

/** Compares both ends with what the writers noted, and reads the custody chain. A meter that became known excuses nothing. */
export async function consult(
  { local, remote }: LabDatabases,
  siteId: string,
  { heals: meterIsKnown, flavour }: Pick<RunPlan, 'heals' | 'flavour'>,
): Promise<Findings> {
  const [[noted], here, found, quarantine] = await Promise.all([
    local.sql<{ versions: string; deleted: string }>(`
      select (select coalesce(json_agg(json_build_array(id, content, is_planted) order by version), '[]') from oracle.version) as versions,
        (select coalesce(json_agg(id), '[]') from oracle.deleted) as deleted`),
    local.sql<{ id: string; content: string; is_bad: string }>(`
      select id, ${CONTENT} as content, value >= ${TOO_LARGE}${meterIsKnown ? '' : ` or meter_id = ${UNKNOWN_METER}`} as is_bad from meter_readings where is_synchronized is not true`),
    remote.sql<{ id: string; content: string; is_planted: string }>(
      `select id, ${CONTENT} as content, note = 'planted' as is_planted from meter_readings`,
    ),
    local.sql<{ id: string; sqlstate: string | null; is_released: string }>(
      `select key[1] as id, sqlstate, is_released::text from meter_sync.quarantine where site = $1`,
      [siteId],
    ),
  ]);
  const known = new Map<string, Known>();
  for (const [id, content, isPlanted] of JSON.parse(noted!.versions) as [string, string, boolean][]) {
    const before = known.get(id);
    known.set(id, {
      versions: [...(before?.versions ?? []), content],
      isPlanted: isPlanted || before?.isPlanted === true,
      isDeleted: false,
    });
  }
  for (const id of JSON.parse(noted!.deleted) as string[]) {
    const before = known.get(id);
    if (before) known.set(id, { ...before, isDeleted: true });
  }
  // Planted at the remote, and the local server was stopped before it was noted there: the site never had it.
  const there = found.filter(({ id, is_planted }) => is_planted !== 't' || known.has(id));
  const verdict = judgeReadings({
    known,
    here: new Map(here.map((row) => [row.id, { content: row.content, isBad: row.is_bad === 't' }])),
    there: new Map(there.map((row) => [row.id, row.content])),
    quarantine: new Map(quarantine.map((row) => [row.id, row.sqlstate])),
  });
  const planted = [...known.values()].filter(({ isPlanted }) => isPlanted).length;
  const chain = flavour.custody === 'off' ? [] : await judgeChain({ local, remote }, siteId, there.length - planted);
  const days = flavour.custody === 'full' ? await judgeDays({ remote }, siteId) : [];
  const flavoured = await judgeFlavour({ local, remote }, flavour);
  return { ...verdict, chainFaults: [...chain, ...days, ...flavoured] };
}

/** Walks the chain as `verify` does, and compares its end with the site's place, and the day sums of all records with the table. */
async function judgeChain({ local, remote }: LabDatabases, siteId: string, delivered: number): Promise<string[]> {
  const [state] = await local.sql<Record<string, string>>(
    `select seq, encode(digest, 'hex') as digest,
       (select encode(public_key, 'hex') from meter_sync.site_key where site = $1) as key
     from meter_sync.upload_state where site = $1 order by batch desc limit 1`,
    [siteId],
  );
  const start = startWalk([state?.['key'] ?? '']);
  const walk = await withTransaction(remote, { isolation: 'repeatable read, read only' }, (session) =>
    walkToEnd(session, siteId, start),
  );
  const faults = walk.doubts.map(({ message }) => message);
  if (walk.rows !== delivered)
    faults.push(`the records tell of ${walk.rows} readings, and ${delivered} were delivered`);
  if (Number(state?.['seq']) !== walk.last?.seq || state?.['digest'] !== walk.last.digest)
    faults.push(`the site stands at record ${state?.['seq']}, the chain at ${walk.last?.seq}`);
  return faults;
}

/** No delivered reading is ever changed by a run, so the sums of all records are those of the table. */
async function judgeDays({ remote }: Pick<LabDatabases, 'remote'>, siteId: string): Promise<string[]> {
  const rows = await remote.sql<{ day: string }>(
    `select coalesce(r.day, t.day)::text as day
     from (
       select split_part(d, ',', 1)::date as day, sum(split_part(d, ',', 2)::bigint) as rows, sum(split_part(d, ',', 3)::numeric) as sum
       from meter_sync.custody c, unnest(string_to_array(c.days, ';')) d
       where c.site = $1 group by 1
     ) as r
     full join (
       select (created_at at time zone 'UTC')::date as day, count(*) as rows,
         sum(hashtextextended('', hash_record_extended(row(
           timestamptz_send(created_at), id, meter_id, convert_to(note, 'UTF8'), numeric_send(value)), 0))) as sum
       from meter_readings where note <> 'planted' group by 1
     ) as t on r.day = t.day
     where (r.rows, r.sum) is distinct from (t.rows, t.sum)`,
    [siteId],
  );
  return rows.map(({ day }) => `the sums of ${day} are not those of the remote table`);
}
