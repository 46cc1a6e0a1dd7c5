import type { Measure } from '../contestant.js';
import { readContent } from '../databases.js';
import { publish, type ResultFiles } from '../files.js';
import { describeMachine, type Machine, readMachine } from '../machine.js';
import { count, megabytes, toTable } from '../markdown.js';
import { openMeasured } from '../measured-process.js';
import { residentBytes } from '../process-cpu.js';
import { endProgress, showProgress } from '../progress.js';
import { type Servers, sql, withServers } from '../servers.js';
import { median } from '../statistics.js';
import { makeBacklog, NARROW } from '../upload/shapes.js';
import type { UploadSite } from '../upload/site.js';

const SAMPLE_EVERY_MS = 1_000;
/** A process grows until its caches are full and its garbage collector has found its pace. */
const MOST_WARM_UP_S = 30;
const MOST_WINDOW_S = 60;
const COLUMNS = ['id', 'meter_id', 'created_at', 'value', 'unit', 'metadata'];

/** Memory of the product while a backlog drains. */
export interface MemoryResult {
  readonly discipline: 'memory';
  readonly rows: number;
  readonly isComplete: boolean;
  readonly measure: Measure;
  readonly firstBytes: number;
  readonly lastBytes: number;
  /** Largest minus smallest sample after the warm-up. */
  readonly spreadBytes: number;
  /** One a second, the warm-up included. */
  readonly samples: readonly number[];
  readonly machine: Machine;
}

/**
 * Drains a backlog of the narrow shape and samples the memory of the process that does it.
 * @returns whether everything has moved, and memory stayed within its bound
 */
export async function benchMemory(rows: number, files: ResultFiles): Promise<boolean> {
  return withServers(async (servers) => {
    showProgress(`filling the queue with ${count(rows)} readings`);
    await sql(servers.local.url(), makeBacklog(rows, rows));
    await sql(servers.local.url(), 'vacuum analyze meter_readings');
    await sql(servers.remote.url(), NARROW.table('remote'));
    const before = await readContent(servers.local.url(), 'meter_readings', COLUMNS);
    for (const side of ['local', 'remote'] as const) await sql(servers[side].url(), 'checkpoint');
    const { measure, samples } = await drain(servers);
    endProgress();
    const [arrived, left] = [
      await readContent(servers.remote.url(), 'meter_readings', COLUMNS),
      await readContent(servers.local.url(), 'meter_readings', COLUMNS),
    ];
    const isComplete = arrived === before && left.startsWith('0 rows');
    const machine = await readMachine(servers);
    const result: MemoryResult = {
      discipline: 'memory',
      rows,
      isComplete,
      measure,
      ...sumUp(samples),
      samples,
      machine,
    };
    return (await publish(result, toMemoryMarkdown(result), files)) && isComplete;
  });
}

async function drain(servers: Servers): Promise<{ measure: Measure; samples: number[] }> {
  const [localUrl, remoteUrl] = [servers.local.url(), servers.remote.url()];
  const site: UploadSite = { localUrl, remoteUrl, localUrlFromRemote: localUrl, columns: [] };
  const child = await openMeasured(servers, { discipline: 'upload', contestant: 'meter-sync', site });
  const samples: number[] = [];
  const timer = setInterval(() => sample(child.pid, samples), SAMPLE_EVERY_MS);
  const measure = await child.run().finally(() => clearInterval(timer));
  await child.close();
  return { measure, samples };
}

function sample(pid: number, samples: number[]): void {
  const bytes = residentBytes(pid);
  if (bytes === null) return;
  samples.push(bytes);
  showProgress(`${samples.length} s: ${megabytes(bytes)}`);
}

/** Short runs have shorter windows. */
function sumUp(samples: readonly number[]): Pick<MemoryResult, 'firstBytes' | 'lastBytes' | 'spreadBytes'> {
  const warm = samples.slice(Math.min(MOST_WARM_UP_S, Math.floor(samples.length / 4)));
  const window = Math.max(1, Math.min(MOST_WINDOW_S, Math.floor(warm.length / 3)));
  return {
    firstBytes: median(warm.slice(0, window)),
    lastBytes: median(warm.slice(-window)),
    spreadBytes: Math.max(...warm) - Math.min(...warm),
  };
}

/** The result as Markdown. */
export function toMemoryMarkdown(result: MemoryResult): string {
  const { rows, measure, samples, machine } = result;
  return [
    `### Memory while ${count(rows)} readings drain`,
    '',
    toTable([
      ['', ''],
      ['first minute after the warm-up, median', megabytes(result.firstBytes)],
      ['last minute, median', megabytes(result.lastBytes)],
      ['largest minus smallest sample after the warm-up', megabytes(result.spreadBytes)],
      ['peak, start included', megabytes(measure.peakRssBytes)],
      ['samples, one a second', String(samples.length)],
      ['rows a second', count(rows / measure.seconds)],
      [
        'CPU: program / site / customer',
        [measure.clientCpuSeconds, measure.localCpuSeconds, measure.remoteCpuSeconds]
          .map((seconds) => `${seconds.toFixed(1)} s`)
          .join(' / '),
      ],
      ['content compared afterwards', result.isComplete ? 'the same' : 'NOT THE SAME'],
    ]),
    '',
    describeMachine(machine),
    '',
  ].join('\n');
}
