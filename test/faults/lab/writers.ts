import { setTimeout as pause } from 'node:timers/promises';
import { CONTENT, type LabDatabases, TOO_LARGE, UNKNOWN_METER } from './databases.js';
import type { Chance } from './random.js';

/** What the writers have done. */
export interface Writings {
  inserted: number;
  updated: number;
  deleted: number;
  longTransactions: number;
}

/** The site's own programs, at work on the table of readings while it is drained. */
export interface Writers {
  readonly done: Writings;
  /** Ends them all, the long transaction with its commit. */
  readonly stop: () => Promise<void>;
}

/** The kinds of readings, as the remote will see them. */
export type ReadingKind = 'good' | 'ofUnknownMeter' | 'tooLarge';

const COLUMNS: Readonly<Record<ReadingKind, { readonly meter: string; readonly value: string }>> = {
  good: { meter: '1 + (n % 10)', value: 'random()::numeric(20, 9) * 1000' },
  ofUnknownMeter: { meter: `${UNKNOWN_METER}`, value: '1' },
  tooLarge: { meter: '1', value: `${TOO_LARGE}` },
};

/** Inserts readings with older timestamps as well as newer ones, each noted beside the queue in the same statement. */
export function insertReadings(kind: ReadingKind): string {
  const { meter, value } = COLUMNS[kind];
  return `
    with made as (
      insert into meter_readings (id, meter_id, created_at, note, value)
      select gen_random_uuid(), ${meter}, clock_timestamp() - random() * interval '3 days', md5(n::text), ${value}
      from generate_series(1, $1::integer) as n
      returning *)
    insert into oracle.version
    select id, 1, ${CONTENT} from made`;
}

const UPDATE = `
  with changed as (
    update meter_readings set note = note || '+', value = value + 1
    where is_synchronized is not true -- what is kept has arrived: an update of it would not be sent
      and id in (select id from meter_readings where value < 1000000 and is_synchronized is not true order by random() limit $1::integer)
    returning *)
  insert into oracle.version
  select id, (select max(v.version) + 1 from oracle.version v where v.id = changed.id), ${CONTENT} from changed`;

const DELETE = `
  with gone as (
    delete from meter_readings
    where is_synchronized is not true
      and id in (select id from meter_readings where is_synchronized is not true order by random() limit $1::integer)
    returning id)
  insert into oracle.deleted select id from gone`;

const EVERY_MS = 25;
const LONGEST_TRANSACTION_MS = 600;
const AFTER_A_FAULT_MS = 50;

/** Starts the writers. Where the server goes away they try again; what had not been committed is not noted either. */
export function startWriters({ local }: LabDatabases, chance: Chance): Writers {
  const done: Writings = { inserted: 0, updated: 0, deleted: 0, longTransactions: 0 };
  let isStopped = false;
  const write = async (text: string, rows: number): Promise<number> =>
    (await local.pool.query(text, [rows])).rowCount ?? 0;
  const untilStopped = async (work: () => Promise<void>): Promise<void> => {
    while (!isStopped) await work().catch(() => pause(AFTER_A_FAULT_MS)); // a fault met the writer: nothing is written, nothing is noted
  };
  const small = untilStopped(async () => {
    await pause(EVERY_MS + chance.int(EVERY_MS));
    done.inserted += await write(insertReadings('good'), 1 + chance.int(20));
    if (chance.int(5) === 0) done.updated += await write(UPDATE, 1 + chance.int(3));
    if (chance.int(10) === 0) done.deleted += await write(DELETE, 1 + chance.int(2));
  });
  const long = untilStopped(async () => {
    const client = await local.pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => void (broken = error);
    client.on('error', onError);
    try {
      await client.query('begin');
      await client.query(insertReadings('good'), [10]);
      for (const until = Date.now() + chance.int(LONGEST_TRANSACTION_MS); Date.now() < until && !isStopped;) {
        await pause(EVERY_MS);
      }
      await client.query('commit');
      done.inserted += 10;
      done.longTransactions += 1;
    } catch (error) {
      broken = error as Error;
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  });
  return {
    done,
    stop: async () => {
      isStopped = true;
      await Promise.all([small, long]);
    },
  };
}

/** A reading that the remote has already, with other content: whoever sends it meets a conflict. */
export async function plantConflict({ local, remote }: LabDatabases): Promise<void> {
  const [planted] = await remote.sql<{ id: string; content: string }>(`
    insert into meter_readings (id, meter_id, created_at, note, value)
    values (gen_random_uuid(), 1, clock_timestamp(), 'planted', 1)
    returning id, ${CONTENT} as content`);
  const { id, content } = planted!;
  await local.sql(`insert into oracle.version values ($1, 0, $2, true)`, [id, content]);
  await local.sql(
    `with made as (
       insert into meter_readings (id, meter_id, created_at, note, value)
       values ($1, 1, clock_timestamp() - interval '4 days', 'of the site', 1)
       returning *)
     insert into oracle.version select id, 1, ${CONTENT} from made`,
    [id],
  );
}
