import type pg from 'pg';
import type { Side } from '../../../src/model/failures.js';
import { createPool } from '../../../src/postgres/pool.js';
import type { Database } from '../../../src/postgres/session.js';
import { prepareBookkeeping } from '../../support/bookkeeping.js';
import { toPoolSettings } from '../../support/pool-settings.js';
import { DOWNLOADED, makeWorker, UPLOADED, WORKER } from '../../support/rights.js';
import { type LabServer, type LabServers, onServer } from './servers.js';

/** A database of one run, seen by the lab itself, as superuser: past all faults but the stop of the server. */
export interface LabDatabase extends Database {
  readonly name: string;
  /** Runs a statement and answers with its rows; every value is text or null. */
  readonly sql: <Row = Record<string, string | null>>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
  /** Ends the lab's own connections, and drops the database with all others. */
  readonly drop: () => Promise<void>;
}

/** Both databases of a run. */
export interface LabDatabases {
  readonly local: LabDatabase;
  readonly remote: LabDatabase;
}

const TEMPLATE = 'lab_template';

/** The one site of a run. */
export const SITE = 'lab';

/** A meter that the remote does not know, unless a run makes it known. */
export const UNKNOWN_METER = 999;
/** The remote refuses values from here on. */
export const TOO_LARGE = 1_000_000_000;

const READINGS = 'id uuid primary key, meter_id integer not null, created_at timestamptz not null, note text, value';
const TABLES: Readonly<Record<Side, string>> = {
  local: `
    create table meter_readings (${READINGS} numeric(24, 9), is_synchronized boolean default false);
    create schema oracle;
    create table oracle.version (id uuid, version integer, content text not null, is_planted boolean not null default false,
      primary key (id, version));
    create table oracle.deleted (id uuid primary key)`,
  remote: `
    create table meter (id integer primary key);
    insert into meter select generate_series(1, 10);
    create table meter_readings (${READINGS} numeric(24, 9) check (value < ${TOO_LARGE}));
    alter table meter_readings add foreign key (meter_id) references meter (id);
    grant ${DOWNLOADED.remote} on meter to ${WORKER}`,
};

/** The content of a reading as one text, the same at both ends. */
export const CONTENT = `md5(concat_ws('|', meter_id, created_at at time zone 'UTC', note, value))`;

/** Makes the databases that those of the runs are cloned from; the workers' role has the least rights in them. */
export async function makeTemplates({ local, remote, folder }: LabServers): Promise<void> {
  for (const server of [local, remote]) {
    await onServer(server.url('postgres'), `create database ${TEMPLATE}`);
    const database = openDatabase(server, TEMPLATE);
    await database.pool.query(`
      ${makeWorker(folder.password)};
      ${TABLES[server.side]};
      grant ${UPLOADED[server.side]} on meter_readings to ${WORKER}`);
    await prepareBookkeeping(database, [SITE]);
    await database.pool.end();
  }
}

/** Two fresh databases. */
export async function createDatabases({ local, remote }: LabServers, name: string): Promise<LabDatabases> {
  const create = async (server: LabServer): Promise<LabDatabase> => {
    await onServer(server.url('postgres'), `create database ${name} template ${TEMPLATE}`);
    return openDatabase(server, name);
  };
  const [here, there] = await Promise.all([create(local), create(remote)]);
  return { local: here, remote: there };
}

function openDatabase(server: LabServer, name: string): LabDatabase {
  const pool = createPool(toPoolSettings(server.url('postgres'), name), () => undefined); // the server's stop ends idle ones
  return {
    side: server.side,
    pool,
    name,
    sql: async <Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> => {
      const result: pg.QueryResult = await pool.query(text, [...values]);
      return result.rows as Row[];
    },
    drop: async () => {
      await pool.end();
      await onServer(server.url('postgres'), `drop database if exists ${name} with (force)`);
    },
  };
}
