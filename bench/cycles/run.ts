import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { publish, type ResultFiles } from '../files.js';
import { describeMachine, type Machine, readMachine } from '../machine.js';
import { toTable } from '../markdown.js';
import { endProgress, showProgress } from '../progress.js';
import { type ServerOrigin, type Servers, withServers } from '../servers.js';
import { type Fleet, withFleet } from './fleet.js';
import { type CycleCost, priceConnection, watchCycles } from './observe.js';

/** What is watched. */
interface CycleBenchOptions extends ResultFiles {
  readonly sites: number;
  /** Cycles of each site. */
  readonly rounds: number;
  readonly intervalMs: number;
  readonly origin: ServerOrigin;
}

/** What cycles cost; the JSON file that is committed. */
export interface CyclesResult {
  readonly discipline: 'idle';
  readonly sites: number;
  readonly intervalMs: number;
  readonly origin: ServerOrigin;
  readonly machine: Machine;
  /** What a connection over which nothing is asked costs a server, in CPU. */
  readonly connectionMs: number;
  readonly lines: readonly ({ readonly work: 'idle' | '5 readings' } & CycleCost)[];
}

/**
 * Watches a worker with its sites, Temporal and both servers: first with nothing to do, then with five readings a cycle.
 * @returns whether the targets are met
 */
export async function benchIdle(options: CycleBenchOptions): Promise<boolean> {
  const { sites, rounds, intervalMs, origin } = options;
  const settings = sites > 20 ? { max_connections: String(sites * 6) } : {};
  const watch = async (servers: Servers): Promise<boolean> => {
    const lines: CyclesResult['lines'][number][] = [];
    const machine = await readMachine(servers);
    const connectionMs = await priceConnection(servers.remote);
    await withFleet(servers, { sites, intervalMs }, async (fleet) => {
      await settle(fleet, intervalMs);
      lines.push({ work: 'idle', ...(await watchCycles(servers, fleet, rounds)) });
      showProgress('idle cycles watched; now with five readings each');
      await whileReadingsArrive(servers, fleet, intervalMs, async () => {
        lines.push({ work: '5 readings', ...(await watchCycles(servers, fleet, rounds)) });
      });
    });
    endProgress();
    const result: CyclesResult = { discipline: 'idle', sites, intervalMs, origin, machine, connectionMs, lines };
    return publish(result, toCyclesMarkdown(result), options);
  };
  return withServers(watch, { origin, settings });
}

/** The first downloads fill tables, and the first cycles read catalogues and warm up the worker. */
async function settle({ siteIds, cycles }: Fleet, intervalMs: number): Promise<void> {
  const wanted = siteIds.length * 2;
  while (cycles().ended < wanted) {
    showProgress(`${cycles().ended} of ${wanted} first cycles`);
    await pause(intervalMs / 10);
  }
}

const INSERT = `insert into meter_readings (id, meter_id, created_at, value, unit)
  select gen_random_uuid(), n, clock_timestamp(), n, 'kWh' from generate_series(1, 5) as n`;

/** Five readings a site and interval, over connections that stay; what that costs the site's server is in its figure. */
async function whileReadingsArrive(
  { local }: Servers,
  { siteIds }: Fleet,
  intervalMs: number,
  work: () => Promise<void>,
): Promise<void> {
  const clients = siteIds.map((site) => new pg.Client({ connectionString: local.url(site) }));
  for (const client of clients) await client.connect();
  const arrive = (): void => {
    for (const client of clients) client.query(INSERT).catch((error: unknown) => console.error(error));
  };
  arrive();
  const timer = setInterval(arrive, intervalMs);
  try {
    await work();
  } finally {
    clearInterval(timer);
    for (const client of clients) await client.end();
  }
}

/** The table of a result. */
export function toCyclesMarkdown({ sites, intervalMs, origin, lines, machine, connectionMs }: CyclesResult): string {
  const digits = (value: number): string => value.toFixed(1);
  const head = ['A cycle', 'site: connections, messages, CPU', 'remote', 'worker', 'Temporal', 'all', 'history'];
  const rows = lines.map(({ work, local, remote, workerCpuMs, temporalCpuMs, events, actions, cycles, failed }) => [
    `${work} (${cycles} cycles${failed > 0 ? `, ${failed} FAILED` : ''})`,
    ...[local, remote].map(
      ({ connections, messages, cpuMs }) => `${digits(connections)}, ${digits(messages)}, ${digits(cpuMs)} ms`,
    ),
    `${digits(workerCpuMs)} ms`,
    `${digits(temporalCpuMs)} ms`,
    `${digits(workerCpuMs + temporalCpuMs + local.cpuMs + remote.cpuMs)} ms`,
    `${events} events, ${digits(actions)} actions`,
  ]);
  const title = `### What a cycle costs: ${sites} ${sites === 1 ? 'site' : 'sites'}, one each ${intervalMs / 1_000} s, ${origin} servers`;
  const bare = `A connection over which nothing is asked costs a server ${digits(connectionMs)} ms of CPU here; it is in the figures.`;
  return [title, '', toTable([head, ...rows]), '', bare, '', describeMachine(machine), ''].join('\n');
}
