import type { TestContext } from 'vitest';
import type { LogFacts } from '../../../activities/attempt.js';
import { drainQueue } from '../../../activities/upload/drain-queue.js';
import type { UploadEnds } from '../../../activities/upload/plan/plan-upload.js';
import type { UploadReadingsInput, UploadReadingsResult } from '../../../src/model/operations.js';
import type { QueueTable } from '../../../src/model/table.js';
import { createDatabases, type TestDatabase, type TestDatabases } from '../../support/postgres.js';
import { KEPT, UPLOADED } from '../../support/rights.js';

/** Keys, instants and a value; the local table has the flag. */
const PLAIN_COLUMNS = 'id bigint primary key, created_at timestamptz not null, value numeric';

export const PLAIN_READINGS: QueueTable = {
  table: { schema: null, name: 'meter_readings' },
  key: ['id'],
  order: 'created_at',
  flag: 'is_synchronized',
};

export interface SiteOptions {
  /** Statements that make the tables; tables of `PLAIN_COLUMNS` unless told. */
  readonly local?: string;
  readonly remote?: string;
  readonly readings?: Partial<QueueTable>;
}

export interface UploadOptions extends Partial<UploadReadingsInput> {
  readonly signal?: AbortSignal;
  readonly earlyEnd?: AbortSignal;
  /** Called after each batch. */
  readonly onHeartbeat?: (progress: LogFacts) => void;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly facts: LogFacts;
}

/** A site with two databases of its own, and an upload that runs without Temporal. */
export interface SiteUnderTest extends TestDatabases {
  readonly ends: UploadEnds;
  readonly logged: readonly LogLine[];
  readonly upload: (options?: UploadOptions) => Promise<UploadReadingsResult>;
  /** Queues readings with the keys `from` to `to`, one a second, with the key as value. */
  readonly queueReadings: (from: number, to: number) => Promise<void>;
  /** How many rows a table has. */
  readonly count: (database: TestDatabase, table?: string) => Promise<number>;
  /** The rows of the readings table, each as text, in the order of their text. */
  readonly contents: (database: TestDatabase, columns?: string, table?: string) => Promise<string[]>;
}

export async function openSite(
  context: Pick<TestContext, 'task'>,
  { local, remote, readings }: SiteOptions = {},
): Promise<SiteUnderTest> {
  const databases = await createDatabases(context, 'bookkeeping', readings?.keepDays === undefined ? UPLOADED : KEPT);
  const flagged = `create table meter_readings (${PLAIN_COLUMNS}, is_synchronized boolean default false)`;
  await databases.local.sql(local ?? flagged);
  await databases.remote.sql(remote ?? `create table meter_readings (${PLAIN_COLUMNS})`);
  return toSite(databases, { ...PLAIN_READINGS, ...readings });
}

/** The same on databases that have their tables already. */
export function toSite(
  databases: TestDatabases & Pick<UploadEnds, 'lockTimeoutMs'>,
  readings: QueueTable,
): SiteUnderTest {
  const ends = { ...databases, readings };
  const logged: LogLine[] = [];
  const logAs =
    (level: string) =>
    (message: string, facts: LogFacts = {}): void =>
      void logged.push({ level, message, facts });
  const log = { debug: logAs('debug'), info: logAs('info'), warn: logAs('warn'), error: logAs('error') };
  return {
    ...databases,
    ends,
    logged,
    upload: ({ signal, earlyEnd, onHeartbeat, ...input } = {}) =>
      drainQueue(
        ends,
        { siteId: 'test', batchRows: 50_000, maxDurationMs: 60_000, ...input },
        {
          signal: signal ?? new AbortController().signal,
          earlyEnd: earlyEnd ?? new AbortController().signal,
          heartbeat: onHeartbeat ?? (() => undefined),
          log,
        },
      ),
    queueReadings: async (from, to) =>
      void (await databases.local.sql(
        `insert into meter_readings (id, created_at, value)
         select n, '2026-01-01 00:00:00+00'::timestamptz + n * interval '1 second', n from generate_series($1::int, $2::int) as n`,
        [from, to],
      )),
    count: async (database, table = 'meter_readings') => Number(await database.value(`select count(*) from ${table}`)),
    contents: async (database, columns = 'id, created_at, value', table = 'meter_readings') =>
      (
        await database.sql<{ row: string }>(
          `select row(${columns})::text as row from ${table} order by row(${columns})::text collate "C"`,
        )
      ).map(({ row }) => row),
  };
}

/** Sets a parameter for the new connections to the database it runs in. */
export function setForDatabase(name: string, value: string): string {
  return `do $$begin execute format('alter database %I set ${name} to ''${value}''', current_database()); end$$`;
}
