import type { Measure } from '../contestant.js';
import { makeFreshCopies, readContent } from '../databases.js';
import { publish, type ResultFiles } from '../files.js';
import { type Link, openLink } from '../link.js';
import { checkPsql, readMachine } from '../machine.js';
import { openMeasured } from '../measured-process.js';
import { endProgress, showProgress } from '../progress.js';
import { type Servers, sql, withServers } from '../servers.js';
import { type Case, casesOf, ROW_COUNTS } from './cases.js';
import { DOWNLOADERS, type DownloadContestant } from './contestants.js';
import { METER_COLUMNS, METER_NAMES } from './meter-table.js';
import { meanOf } from './mean.js';
import { toDownloadMarkdown } from './report.js';
import type { DownloadLine, DownloadResult } from './result.js';
import { makeDownloadTemplates } from './templates.js';

/** What is compared, and how often. */
interface DownloadBenchOptions extends ResultFiles {
  /** Null: all of `ROW_COUNTS`. */
  readonly rows: number | null;
  readonly rounds: number;
  readonly only: readonly string[] | null;
  readonly delayMs: number;
  /** The archive with lists of real meters; made ones take their place where it is not there. */
  readonly archive: string;
}

interface Entry {
  readonly what: Case;
  readonly contestant: DownloadContestant;
  readonly runs: Measure[];
  readonly problems: string[];
  bytes: number;
  firstBytes: number;
  connectionBytes: number;
}

/** How often what changes nothing is repeated within a round. */
const REPEATS = 30;
const MOST_ROWS_REPEATED = 10_000;

/**
 * Every contestant once a round in every case, on fresh copies; the tables are compared after every run.
 * @returns whether all of them were equal, and the targets are met
 */
export async function benchDownload(options: DownloadBenchOptions): Promise<boolean> {
  checkPsql();
  return withServers(async (servers) => {
    const rowCounts = options.rows === null ? ROW_COUNTS : [options.rows];
    const meters = await makeDownloadTemplates(servers, rowCounts, options.archive);
    const entries = rowCounts.flatMap(casesOf).flatMap((what) => enter(what, options.only));
    const link = await openLink(servers.remote.url(), options.delayMs);
    if (options.delayMs === 0) await runRound(servers, entries, { link, label: 'counting bytes', isTimed: false });
    for (let round = 0; round < options.rounds; round += 1) {
      const label = `round ${round + 1} of ${options.rounds}`;
      await runRound(servers, turn(entries, round), {
        link: options.delayMs === 0 ? null : link,
        label,
        isTimed: true,
      });
    }
    await link.close();
    endProgress();
    const { rounds, delayMs } = options;
    const machine = await readMachine(servers);
    const lines = entries.map(toLine);
    const facts = { columns: METER_COLUMNS.length, meters, rounds, delayMs };
    const result: DownloadResult = { discipline: 'download', ...facts, machine, lines };
    const isOnTarget = await publish(result, toDownloadMarkdown(result), options);
    return isOnTarget && lines.every(({ problems }) => problems.length === 0);
  });
}

function enter(what: Case, only: readonly string[] | null): Entry[] {
  return DOWNLOADERS.filter(({ name, isFor }) => isFor(what) && (only === null || only.includes(name))).map(
    (contestant) => ({ what, contestant, runs: [], problems: [], bytes: NaN, firstBytes: NaN, connectionBytes: NaN }),
  );
}

/** Within a case the contestants begin in turn. */
function turn(entries: readonly Entry[], round: number): Entry[] {
  const cases = [...new Set(entries.map(({ what }) => what))];
  return cases.flatMap((what) => {
    const those = entries.filter((entry) => entry.what === what);
    return those.map((_, at) => those[(at + round) % those.length] as Entry);
  });
}

/** Without a delay bytes are counted in a round of their own, since a proxy on the way costs time. */
interface Round {
  readonly link: Link | null;
  readonly label: string;
  readonly isTimed: boolean;
}

async function runRound(servers: Servers, entries: readonly Entry[], { link, label, isTimed }: Round): Promise<void> {
  for (const entry of entries) {
    const { what, contestant } = entry;
    showProgress(`${label}: ${what.rows} rows, ${what.name}: ${contestant.name}`);
    const measure = await runOnce(servers, entry, link);
    if (isTimed && measure !== null) entry.runs.push(measure);
  }
}

/** One run in a fresh process; null when it failed. Where something changes, it does so while the process is up. */
async function runOnce(servers: Servers, entry: Entry, link: Link | null): Promise<Measure | null> {
  const { what } = entry;
  const passed = async (): Promise<number> => (link === null ? NaN : link.readBytes());
  const before = await passed();
  return withChild(servers, entry, link, async (child, remoteUrl) => {
    const connected = await passed();
    const first = await child.run();
    const after = await passed();
    if (what.change !== null)
      for (const text of [what.change, 'vacuum meter', 'checkpoint']) await sql(remoteUrl, text);
    const changed = await passed();
    const measure = what.isFirst ? first : await child.run();
    if (link !== null) {
      entry.connectionBytes = connected - before;
      entry.firstBytes = after - connected;
      entry.bytes = what.isFirst ? entry.firstBytes : (await passed()) - changed;
    }
    return isRepeated(what) ? repeat(child) : measure;
  });
}

/** Plans and code are warm by now; a worker that runs for days knows no other state. */
async function repeat(child: Child): Promise<Measure> {
  const runs: Measure[] = [];
  while (runs.length < REPEATS) runs.push(await child.run());
  return meanOf(runs);
}

function isRepeated({ changedRows, rows }: Case): boolean {
  return changedRows === 0 && rows <= MOST_ROWS_REPEATED;
}

type Child = Awaited<ReturnType<typeof openMeasured>>;

async function withChild(
  servers: Servers,
  { what, contestant, problems }: Entry,
  link: Link | null,
  work: (child: Child, remoteUrl: string) => Promise<Measure>,
): Promise<Measure | null> {
  const { localUrl, remoteUrl } = await makeFreshCopies(servers, what.templates);
  const site = { localUrl, remoteUrl: link?.url(remoteUrl) ?? remoteUrl };
  try {
    const child = await openMeasured(servers, { discipline: 'download', contestant: contestant.name, site });
    const measure = await work(child, remoteUrl);
    await child.close();
    const contents = await Promise.all([localUrl, remoteUrl].map((url) => readContent(url, 'meter', METER_NAMES)));
    if (contents[0] === contents[1]) return measure;
    problems.push(`the remote has ${contents[1]}, the site ${contents[0]}`);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  return null;
}

function toLine({ what, contestant, runs, problems, bytes, firstBytes, connectionBytes }: Entry): DownloadLine {
  const { name, note, usesOtherPrograms = false } = contestant;
  const facts = { rows: what.rows, case: what.name, changedRows: what.changedRows };
  return { ...facts, name, note, usesOtherPrograms, bytes, firstBytes, connectionBytes, runs, problems };
}
