import type { QueueTable } from '../../../src/model/table.js';
import type { LabDatabases } from './databases.js';
import { WORKER } from '../../support/rights.js';
import { LAB_READINGS } from './worker-messages.js';

/** What is unusual about a run; the rest of it is as always. */
export interface Flavour {
  /** How readings that have arrived stay at the site; null: they are removed. */
  readonly keeps: 'marked' | 'moved' | null;
  readonly custody: NonNullable<QueueTable['custody']>;
  /** A column has another type on the remote, so that batches move as text. */
  readonly isText: boolean;
  /** The remote's table has a trigger of the customer's, which writes elsewhere. */
  readonly hasTrigger: boolean;
}

/** A run without anything unusual: of such a site the rehearsal learns the protocol. */
export const PLAIN: Flavour = { keeps: null, custody: 'full', isText: false, hasTrigger: false };

/** The flavour of a run, by its number: shares that have no common divisor, so that each meets each. */
export function flavourOf(number: number): Flavour {
  return {
    keeps: ([null, 'marked', null, 'moved', 'marked'] as const)[number % 5] ?? null,
    custody: (['full', 'full', 'chain', 'full', 'full', 'off', 'full'] as const)[number % 7] ?? 'full',
    isText: number % 4 === 3,
    hasTrigger: number % 9 === 4 || number % 9 === 7,
  };
}

/** The rehearsal's names of statements, as a run of this flavour has them: what removes readings there keeps them here. */
export function toStatement(name: string, { keeps }: Flavour): string {
  return keeps !== null && name === 'delete meter_readings' ? 'insert into meter_sync.kept_reading' : name;
}

/** The settings of the site's readings. */
export function toReadings({ keeps, custody }: Flavour): QueueTable {
  const kept = keeps === null ? {} : { keepDays: 30 };
  const flag = keeps === 'moved' ? { flag: null, except: ['is_synchronized'] } : {};
  return { ...LAB_READINGS, ...kept, ...flag, custody };
}

/** Changes fresh databases to what a run wants. */
export async function season({ local, remote }: LabDatabases, { keeps, isText, hasTrigger }: Flavour): Promise<void> {
  if (keeps === 'marked') await local.sql(`grant update (is_synchronized) on meter_readings to ${WORKER}`);
  if (isText) await local.sql('alter table meter_readings alter meter_id type smallint');
  if (!hasTrigger) return;
  await remote.sql(`create table audit (id uuid not null); grant insert on audit to ${WORKER}`);
  await remote.sql(`create function audit() returns trigger language plpgsql as
    $$begin insert into audit values (new.id); return null; end$$`);
  await remote.sql('create trigger audit after insert on meter_readings for each row execute function audit()');
}

/** What does not fit the flavour of a run: kept readings that are not those of the remote, a trigger that saw others. */
export async function judgeFlavour({ local, remote }: LabDatabases, { keeps, hasTrigger }: Flavour): Promise<string[]> {
  const faults: string[] = [];
  if (hasTrigger) {
    const [seen] = await remote.sql<{ differ: string }>(
      `select count(*)::text as differ from (select id from audit) a full join meter_readings r on r.id = a.id
       where a.id is null or r.id is null`,
    );
    if (seen?.differ !== '0')
      faults.push(`the trigger of the remote saw ${seen?.differ} other readings than are there`);
  }
  const kept = await local.sql<{ id: string }>(
    `select k.key::json ->> 0 as id from meter_sync.kept_reading p cross join lateral unnest(p.keys) as k(key)`,
  );
  const listed = new Set(kept.map(({ id }) => id));
  if (listed.size !== kept.length) faults.push(`${kept.length - listed.size} readings are listed twice as kept`);
  const marked = new Set(
    (await local.sql<{ id: string }>('select id from meter_readings where is_synchronized')).map(({ id }) => id),
  );
  const there = new Set((await remote.sql<{ id: string }>('select id from meter_readings')).map(({ id }) => id));
  const missing = [...listed].filter((id) => !there.has(id)).length;
  if (missing > 0) faults.push(`${missing} kept readings are not on the remote`);
  if (keeps !== null) {
    // Deleted or changed at the site between the two commits of a batch: on the remote, and never kept.
    const excused = await local.sql<{ id: string }>(
      'select id::text as id from oracle.deleted union select key[1] from meter_sync.quarantine',
    );
    const others = new Set(excused.map(({ id }) => id));
    const delivered = await remote.sql<{ id: string }>(`select id from meter_readings where note <> 'planted'`);
    const lacking = delivered.filter(({ id }) => !listed.has(id) && !others.has(id)).length;
    if (lacking > 0) faults.push(`${lacking} readings were delivered and are not kept`);
  }
  const differ =
    keeps === 'marked' ? [...listed].filter((id) => !marked.has(id)).length + marked.size - listed.size : marked.size;
  if (differ !== 0)
    faults.push(`${marked.size} readings are marked, and ${keeps === 'marked' ? listed.size : 0} should be`);
  return faults;
}
