import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { CONTESTANTS, type Contestant, type Site } from './contestants.js';
import { type Servers, sql, withServers } from './servers.js';
import { SHAPES, type Shape } from './shapes.js';

/** What is compared, and how often. */
interface UploadBenchOptions {
  /** A name in `SHAPES`. */
  readonly shape: string;
  readonly rounds: number;
  /** Null: as many as the shape has. */
  readonly rows: number | null;
}

/** Seconds of each run of a contestant, for all rows: those of one that moved a share are scaled. */
type Timings = ReadonlyMap<Contestant, number[]>;

/**
 * Every contestant once a round, each on fresh copies of the same two databases; every run is counted and checksummed.
 * @throws Error psql is missing, or a run did not move exactly what was there
 */
export async function benchUpload(options: UploadBenchOptions): Promise<void> {
  const shape = SHAPES[options.shape];
  if (shape === undefined)
    throw new Error(`there is no shape '${options.shape}'; wanted one of: ${Object.keys(SHAPES).join(', ')}`);
  const psql = spawnSync('psql', ['--version'], { encoding: 'utf8' });
  if (psql.status !== 0)
    throw new Error('psql is not on the PATH, and it is what we compare with. Install a PostgreSQL client first');
  const rows = options.rows ?? shape.rows;
  await withServers(async (servers) => {
    console.log(`upload and remove ${rows} readings of ${shape.title}, ${options.rounds} rounds`);
    console.log(`${cpus().length} CPUs, Node ${process.version}, ${psql.stdout.trim()}, ${await describe(servers)}`);
    const timings = await runRounds(servers, shape, rows, options.rounds);
    report(timings, rows);
  });
}

async function runRounds(servers: Servers, shape: Shape, rows: number, rounds: number): Promise<Timings> {
  const timings = new Map(CONTESTANTS.map((contestant) => [contestant, [] as number[]]));
  for (const share of new Set(CONTESTANTS.map((contestant) => contestant.share))) {
    await makeTemplates(servers, shape, Math.round(rows * share), templateOf(share));
  }
  for (let round = 0; round < rounds; round += 1) {
    const order = CONTESTANTS.map((_, at) => CONTESTANTS[(at + round) % CONTESTANTS.length] as Contestant);
    for (const contestant of order) {
      const seconds = await runOnce(servers, contestant);
      timings.get(contestant)?.push(seconds / contestant.share);
      console.log(
        `round ${round + 1}: ${contestant.name}: ${seconds.toFixed(2)} s for ${Math.round(rows * contestant.share)} rows`,
      );
    }
  }
  return timings;
}

/** The server's version, and every setting that is not what `initdb` makes it. */
async function describe({ local }: Servers): Promise<string> {
  const text = `select 'server ' || current_setting('server_version') || ' with ' || string_agg(name || '=' || current_setting(name), ', ') as text
    from pg_settings where source = 'command line' and name not in ('data_directory', 'config_file', 'hba_file', 'ident_file', 'port')`;
  const [row] = await sql<{ text: string }>(local.url(), text);
  return row?.text ?? '';
}

function templateOf(share: number): string {
  return `template_${String(share).replace('.', '_')}`;
}

async function makeTemplates(servers: Servers, shape: Shape, rows: number, template: string): Promise<void> {
  for (const side of ['local', 'remote'] as const) {
    await sql(servers[side].url(), `create database ${template}`);
    await sql(servers[side].url(template), shape.table(side));
  }
  await sql(servers.local.url(template), shape.fill(rows));
  await sql(servers.local.url(template), 'vacuum analyze');
}

/** One run on fresh copies; answers with its seconds. */
async function runOnce(servers: Servers, contestant: Contestant): Promise<number> {
  for (const server of [servers.local, servers.remote]) {
    await sql(server.url(), 'drop database if exists run');
    await sql(server.url(), `create database run template ${templateOf(contestant.share)} strategy file_copy`);
    await sql(server.url(), 'checkpoint');
  }
  const columns = await readColumns(servers.remote.url('run'));
  const site: Site = { localUrl: servers.local.url('run'), remoteUrl: servers.remote.url('run'), columns };
  await contestant.prepare?.(site);
  const before = await checksum(site.localUrl, columns);
  const startedAt = performance.now();
  await contestant.run(site);
  const seconds = (performance.now() - startedAt) / 1_000;
  const [arrived, left] = [await checksum(site.remoteUrl, columns), await checksum(site.localUrl, columns)];
  if (arrived !== before || !left.startsWith('0 ')) {
    throw new Error(`${contestant.name} failed: had ${before}, remote has ${arrived}, local still has ${left}`);
  }
  return seconds;
}

async function readColumns(url: string): Promise<string[]> {
  const text = `select attname from pg_attribute where attrelid = 'meter_readings'::regclass and attnum > 0 order by attname`;
  return (await sql<{ attname: string }>(url, text)).map(({ attname }) => attname);
}

async function checksum(url: string, columns: readonly string[]): Promise<string> {
  const text = `select count(*) || ' ' || coalesce(sum(hashtextextended(row(${columns.join(', ')})::text, 0)), 0) as sum from meter_readings`;
  const [row] = await sql<{ sum: string }>(url, text);
  return row?.sum ?? '';
}

function report(timings: Timings, rows: number): void {
  const [base = []] = timings.values();
  console.log(
    `\nrows/s: median (minimum to maximum); ratio: median over the rounds against the first line of the same round`,
  );
  for (const [{ name, note }, seconds] of timings) {
    const rates = seconds.map((time) => rows / time);
    const ratio = median(seconds.map((time, round) => (base[round] ?? NaN) / time));
    const range = `${kilo(Math.min(...rates))} to ${kilo(Math.max(...rates))}`;
    console.log(`${name.padEnd(20)} ${kilo(median(rates)).padStart(6)} (${range})  ${ratio.toFixed(2)} x   ${note}`);
  }
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6;
  console.log(
    `this process, all runs: ${Math.round(maxRSS / 1024)} MB at most, ${cpuSeconds.toFixed(1)} s of CPU (seed algorithm included)`,
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

function kilo(rate: number): string {
  return `${(rate / 1_000).toFixed(1)}k`;
}
