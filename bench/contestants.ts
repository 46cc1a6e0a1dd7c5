import { spawn } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { drainQueue } from '../activities/upload/drain-queue.js';
import { migrate } from '../activities/upload/migrations.js';
import { createPool } from '../src/postgres/pool.js';
import type { Database } from '../src/postgres/session.js';
import type { Side } from '../src/model/failures.js';

/** One way to move all readings from one database to another and to remove them. */
export interface Contestant {
  readonly name: string;
  readonly note: string;
  /** Rows it is given, as a share of all: a slow one is scaled, and the report says so. */
  readonly share: number;
  /** What must be there before the clock starts. */
  readonly prepare?: (site: Site) => Promise<void>;
  readonly run: (site: Site) => Promise<void>;
}

/** Two databases, the local one full of readings. */
export interface Site {
  readonly localUrl: string;
  readonly remoteUrl: string;
  /** The columns that travel, in one order. */
  readonly columns: readonly string[];
}

/** The default of `METER_SYNC_BATCH_ROWS`. */
const BATCH_ROWS = 50_000;
const SEED_BATCH_ROWS = 100;

/** Ratios are told against the first one. */
export const CONTESTANTS: readonly Contestant[] = [
  {
    name: 'psql pipe + DELETE',
    note: 'binary COPY of everything into COPY, then one DELETE; promises nothing',
    share: 1,
    run: psqlPipe,
  },
  {
    name: 'meter-sync upload',
    note: `batches of ${BATCH_ROWS}, one after the other, in this process as in a worker`,
    share: 1,
    prepare: async ({ localUrl }) => withPool('local', localUrl, async (local) => void (await migrate(local))),
    run: ({ localUrl, remoteUrl }) =>
      withPool('local', localUrl, (local) => withPool('remote', remoteUrl, (remote) => drain(local, remote))),
  },
  {
    name: 'seed algorithm',
    note: `VALUES x ${SEED_BATCH_ROWS}, on conflict do nothing, delete by ids; runs on a tenth of the rows`,
    share: 0.1,
    run: seedAlgorithm,
  },
];

async function drain(local: Database, remote: Database): Promise<void> {
  const never = new AbortController().signal;
  const quiet = (): void => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const table = { schema: null, name: 'meter_readings' };
  const readings = { table, key: ['id'], order: 'created_at', flag: 'is_synchronized' };
  await drainQueue(
    { local, remote, readings },
    { siteId: 'bench', batchRows: BATCH_ROWS, maxDurationMs: Number.MAX_SAFE_INTEGER },
    { signal: never, drain: never, heartbeat: quiet, log },
  );
}

/** What an administrator would write; `pipefail`, since without it a pipe that was cut passes for a whole one. */
async function psqlPipe({ localUrl, remoteUrl, columns }: Site): Promise<void> {
  const names = columns.join(', ');
  const queued = 'meter_readings where is_synchronized is not true';
  await shell('psql -qX "$LOCAL" -c "$OUT" | psql -qX "$REMOTE" -c "$IN" && psql -qX "$LOCAL" -c "$DELETE"', {
    LOCAL: localUrl,
    REMOTE: remoteUrl,
    OUT: `copy (select ${names} from ${queued}) to stdout (format binary)`,
    IN: `copy meter_readings (${names}) from stdin (format binary)`,
    DELETE: `delete from ${queued}`,
  });
}

/** A hundred rows at a time through Node, as the first sketch of the product did. */
async function seedAlgorithm({ localUrl, remoteUrl, columns }: Site): Promise<void> {
  const [local, remote] = [localUrl, remoteUrl].map((url) => new pg.Client({ connectionString: url })) as [
    pg.Client,
    pg.Client,
  ];
  await Promise.all([local.connect(), remote.connect()]);
  const select = `select ${columns.map((name) => `${name}::text`).join(', ')} from meter_readings
    where is_synchronized is not true order by meter_readings.created_at, meter_readings.id limit ${SEED_BATCH_ROWS}`;
  for (;;) {
    const { rows } = await local.query<Record<string, string | null>>(select);
    if (rows.length === 0) break;
    const values = rows.flatMap((row) => columns.map((name) => row[name]));
    const tuples = rows.map(
      (_, at) => `(${columns.map((_name, column) => `$${at * columns.length + column + 1}`).join(', ')})`,
    );
    await remote.query(
      `insert into meter_readings (${columns.join(', ')}) values ${tuples.join(', ')} on conflict (id) do nothing`,
      values,
    );
    await local.query('delete from meter_readings where id = any($1)', [rows.map((row) => row['id'])]);
  }
  await Promise.all([local.end(), remote.end()]);
}

async function withPool<Result>(
  side: Side,
  url: string,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const pool = createPool(
    {
      host: hostname,
      port: Number(port),
      database: decodeURIComponent(pathname.slice(1)),
      user: decodeURIComponent(username),
      password: () => decodeURIComponent(password),
      ssl: false,
      applicationName: 'meter-sync bench',
      maxConnections: 4,
    },
    (error) => {
      throw error;
    },
  );
  try {
    return await work({ side, pool });
  } finally {
    await pool.end();
  }
}

async function shell(command: string, env: Record<string, string>): Promise<void> {
  const child = spawn('bash', ['-o', 'pipefail', '-c', command], { env: { ...process.env, ...env }, stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`psql ended with ${String(code)}`);
}
