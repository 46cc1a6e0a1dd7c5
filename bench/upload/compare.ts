import { makeFreshCopies, readContent, type Templates } from '../databases.js';
import type { Measure } from '../contestant.js';
import { publish, type ResultFiles } from '../files.js';
import { type Link, openLink } from '../link.js';
import { checkPsql, readMachine } from '../machine.js';
import { openMeasured } from '../measured-process.js';
import { endProgress, showProgress } from '../progress.js';
import { type Servers, sql, withServers } from '../servers.js';
import { chooseUploaders, type UploadContestant } from './contestants.js';
import { toUploadMarkdown } from './report.js';
import type { UploadLine, UploadResult } from './result.js';
import { type Shape, SHAPES } from './shapes.js';
import type { UploadColumn, UploadSite } from './site.js';

/** What is compared, and how often. */
interface UploadBenchOptions extends ResultFiles {
  /** A name in `SHAPES`. */
  readonly shape: string;
  /** Null: as many as the shape has. */
  readonly rows: number | null;
  readonly rounds: number;
  /** Null: all that take part by default. */
  readonly only: readonly string[] | null;
  /** Round trip to the remote; 0: none is added. */
  readonly delayMs: number;
}

/** A contestant with or without the slow way to the remote. */
interface Entry {
  readonly contestant: UploadContestant;
  readonly delayMs: number;
  readonly runs: (Measure | null)[];
  readonly problems: string[];
}

/**
 * Every contestant once a round, each on fresh copies of the same two databases; content is compared after every run.
 * @returns whether every run moved exactly what was there, and the targets are met
 * @throws Error psql is missing, or an option names what is not there
 */
export async function benchUpload(options: UploadBenchOptions): Promise<boolean> {
  const shape = SHAPES[options.shape];
  if (shape === undefined) {
    throw new Error(`there is no shape '${options.shape}'; wanted one of: ${Object.keys(SHAPES).join(', ')}`);
  }
  const entries = enter(chooseUploaders(options.only, options.delayMs), options.delayMs);
  checkPsql();
  return withServers(async (servers) => {
    const rows = options.rows ?? shape.rows;
    const ways = await openWays(servers, options.delayMs);
    await runRounds({ servers, shape, rows, ways }, entries, options.rounds);
    await Promise.all([ways?.toRemote.close(), ways?.toLocal.close()]);
    const lines = entries.map((entry) => toLine(entry, rows));
    const { rounds, delayMs } = options;
    const facts = { shape: options.shape, title: shape.title, rows, rounds, delayMs };
    const machine = await readMachine(servers);
    const result: UploadResult = { discipline: 'upload', ...facts, machine, lines };
    const isOnTarget = await publish(result, toUploadMarkdown(result), options);
    return isOnTarget && lines.every(({ problems }) => problems.length === 0);
  });
}

/** With a delay the first contestant runs both ways: what the others are compared with has none. */
function enter(contestants: readonly UploadContestant[], delayMs: number): Entry[] {
  const entries = contestants.map((contestant) => ({ contestant, delayMs, runs: [], problems: [] }));
  const [first] = contestants;
  return delayMs === 0 || first === undefined
    ? entries
    : [{ contestant: first, delayMs: 0, runs: [], problems: [] }, ...entries];
}

/** The slow ways: from the site to the remote, and back for what the remote fetches itself. */
interface Ways {
  readonly toRemote: Link;
  readonly toLocal: Link;
}

async function openWays({ local, remote }: Servers, delayMs: number): Promise<Ways | null> {
  if (delayMs === 0) return null;
  return { toRemote: await openLink(remote.url(), delayMs), toLocal: await openLink(local.url(), delayMs) };
}

interface Bench {
  readonly servers: Servers;
  readonly shape: Shape;
  readonly rows: number;
  readonly ways: Ways | null;
}

async function runRounds(bench: Bench, entries: readonly Entry[], rounds: number): Promise<void> {
  const shares = new Set(entries.map(({ contestant }) => contestant.share));
  for (const share of shares) await makeTemplates(bench, share);
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < entries.length; turn += 1) {
      const entry = entries[(turn + round) % entries.length] as Entry; // nobody is always the first one
      showProgress(`round ${round + 1} of ${rounds}, ${turn + 1} of ${entries.length}: ${entry.contestant.name}`);
      const run = await runOnce(bench, entry).catch((error: unknown) => {
        entry.problems.push(error instanceof Error ? error.message : String(error));
        return null;
      });
      entry.runs.push(run);
    }
  }
  endProgress();
}

function templatesOf(share: number): Templates {
  const name = `template_${String(share).replace('.', '_')}`;
  return { local: name, remote: name };
}

async function makeTemplates({ servers, shape, rows }: Bench, share: number): Promise<void> {
  const templates = templatesOf(share);
  showProgress(`filling ${templates.local} with ${Math.round(rows * share)} rows`);
  for (const side of ['local', 'remote'] as const) {
    await sql(servers[side].url(), `create database ${templates[side]}`);
    await sql(servers[side].url(templates[side]), shape.table(side));
  }
  await sql(servers.local.url(templates.local), shape.fill(Math.round(rows * share)));
  await sql(servers.local.url(templates.local), 'vacuum analyze');
}

/**
 * One run on fresh copies.
 * @throws Error it failed, or not exactly what was there has moved
 */
async function runOnce({ servers, ways }: Bench, { contestant, delayMs }: Entry): Promise<Measure> {
  const urls = await makeFreshCopies(servers, templatesOf(contestant.share));
  const columns = await readColumns(urls.remoteUrl);
  const content = (url: string): Promise<string> =>
    readContent(
      url,
      'meter_readings',
      columns.map(({ name }) => name),
    );
  const before = await content(urls.localUrl);
  const isSlow = ways !== null && delayMs > 0;
  const site: UploadSite = {
    localUrl: urls.localUrl,
    remoteUrl: isSlow ? ways.toRemote.url(urls.remoteUrl) : urls.remoteUrl,
    localUrlFromRemote: isSlow ? ways.toLocal.url(urls.localUrl) : urls.localUrl,
    columns,
  };
  const child = await openMeasured(servers, { discipline: 'upload', contestant: contestant.name, site });
  const measure = await child.run();
  await child.close();
  const [arrived, left] = [await content(urls.remoteUrl), await content(urls.localUrl)];
  if (arrived === before && left.startsWith('0 rows')) return measure;
  throw new Error(`there were ${before}; the remote has ${arrived}; the site still has ${left}`);
}

async function readColumns(url: string): Promise<UploadColumn[]> {
  return sql<UploadColumn & Record<string, unknown>>(
    url,
    `select attname as name, format_type(atttypid, atttypmod) as type
     from pg_attribute
     where attrelid = 'meter_readings'::regclass and attnum > 0
     order by attnum`,
  );
}

function toLine({ contestant, delayMs, runs, problems }: Entry, rows: number): UploadLine {
  const { name, note, isRepeatSafe, usesOtherPrograms = false, share } = contestant;
  return { name, note, isRepeatSafe, usesOtherPrograms, delayMs, rows: Math.round(rows * share), runs, problems };
}
