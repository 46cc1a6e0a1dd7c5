import { readFileSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { toWorkflowId } from '../../src/model/wire.js';
import { endedSessionsCpuSeconds, processCpuSeconds } from '../process-cpu.js';
import { type BenchServer, type Servers, sql, withClient } from '../servers.js';
import { median } from '../statistics.js';
import type { Fleet } from './fleet.js';

/** What a cycle costs at one end. */
interface EndCost {
  readonly connections: number;
  /** As the server's log counts them: one for each message, whatever it holds. */
  readonly messages: number;
  readonly cpuMs: number;
}

/** Times that a connection is opened to know its price, each a while after the last one, as those of cycles are. */
const BARE_CONNECTIONS = 8;
const BETWEEN_CONNECTIONS_MS = 2_000;

/** Milliseconds of a server's CPU for a connection over which nothing is asked. */
export async function priceConnection(server: BenchServer): Promise<number> {
  const before = endedSessionsCpuSeconds(server.pid);
  for (let made = 0; made < BARE_CONNECTIONS; made += 1) {
    await withClient(server.url(), () => Promise.resolve());
    await pause(BETWEEN_CONNECTIONS_MS);
  }
  return ((endedSessionsCpuSeconds(server.pid) - before) / BARE_CONNECTIONS) * 1_000;
}

/** What a cycle costs, on average over the cycles that were watched. */
export interface CycleCost {
  readonly cycles: number;
  readonly failed: number;
  readonly local: EndCost;
  readonly remote: EndCost;
  readonly workerCpuMs: number;
  readonly temporalCpuMs: number;
  /** Of one site's history, from one tick to the next. */
  readonly events: number;
  /** Activities that began, timers, messages and heartbeats: what a Temporal cloud bills. */
  readonly actions: number;
}

/**
 * Watches whole cycles: first what they use, then, with the servers' logs on, what is asked. Between two cycles of a site its
 * connections are given back, so that what they used is known.
 */
export async function watchCycles(servers: Servers, fleet: Fleet, rounds: number): Promise<CycleCost> {
  const wanted = rounds * fleet.siteIds.length;
  const cpu = await during(fleet, wanted, () => [
    endedSessionsCpuSeconds(servers.local.pid),
    endedSessionsCpuSeconds(servers.remote.pid),
    processCpuSeconds(fleet.workerPid),
    processCpuSeconds(fleet.temporalPid),
  ]);
  const asked = await withStatements(servers, () =>
    during(fleet, Math.min(wanted, fleet.siteIds.length * 4), async () => [
      ...readCounts(servers.local),
      ...readCounts(servers.remote),
      await beatsOf(fleet),
    ]),
  );
  const [local = 0, remote = 0, worker = 0, temporal = 0] = cpu.perCycle;
  const [localConnections = 0, localMessages = 0, remoteConnections = 0, remoteMessages = 0, beats = 0] =
    asked.perCycle;
  const { events, actions } = await readHistory(fleet);
  return {
    cycles: cpu.cycles,
    failed: cpu.failed,
    local: { connections: localConnections, messages: localMessages, cpuMs: local * 1_000 },
    remote: { connections: remoteConnections, messages: remoteMessages, cpuMs: remote * 1_000 },
    workerCpuMs: worker * 1_000,
    temporalCpuMs: temporal * 1_000,
    events,
    actions: actions + beats,
  };
}

/** Counters before and after so many cycles, which begin and end just behind the end of one. */
async function during(
  fleet: Fleet,
  wanted: number,
  read: () => number[] | Promise<number[]>,
): Promise<{ perCycle: number[]; cycles: number; failed: number }> {
  const start = await atEndOfCycle(fleet, 1);
  const before = await read();
  const end = await atEndOfCycle(fleet, wanted);
  const after = await read();
  const cycles = end.ended + end.failed - start.ended - start.failed;
  const perCycle = after.map((value, at) => (value - (before[at] ?? 0)) / cycles);
  return { perCycle, cycles, failed: end.failed - start.failed };
}

async function atEndOfCycle({ cycles }: Fleet, more: number): Promise<ReturnType<Fleet['cycles']>> {
  const count = (): number => cycles().ended + cycles().failed;
  const wanted = count() + more;
  while (count() < wanted) await pause(20);
  return cycles();
}

const LOGGING = { log_statement: 'all', log_connections: 'on', log_line_prefix: '%a|' };

/** Logging costs some CPU itself, so it is on for as long as its lines are counted. */
async function withStatements<Result>(servers: Servers, work: () => Promise<Result>): Promise<Result> {
  const each = async (toStatement: (name: string, value: string) => string): Promise<void> => {
    for (const server of Object.values(servers) as BenchServer[]) {
      for (const [name, value] of Object.entries(LOGGING)) await sql(server.url(), toStatement(name, value));
      await sql(server.url(), 'select pg_reload_conf()');
    }
  };
  await each((name, value) => `alter system set ${name} = '${value}'`);
  try {
    return await work();
  } finally {
    await each((name) => `alter system reset ${name}`);
  }
}

/** Connections and messages of the product in a server's log so far. */
function readCounts({ logFile }: BenchServer): [number, number] {
  if (statSync(logFile).size === 0) return [0, 0];
  const lines = readFileSync(logFile, 'utf8').split('\n');
  const connections = lines.filter((line) => /connection authorized: .*application_name=meter-sync:/.test(line));
  const messages = lines.filter((line) => /^meter-sync:[^|]*\|LOG: +(statement|execute [^:]*):/.test(line));
  return [connections.length, messages.length];
}

/** Heartbeats that Temporal was told: no history holds them. */
async function beatsOf({ readMetrics }: Fleet): Promise<number> {
  const lines = (await readMetrics()).split('\n').filter((line) => line.startsWith('service_requests{'));
  const beats = lines.filter(
    (line) => line.includes('"RecordActivityTaskHeartbeat"') && line.includes('service_name="frontend"'),
  );
  return beats.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

const ACTIONS = [
  'activityTaskScheduledEventAttributes',
  'timerStartedEventAttributes',
  'workflowExecutionSignaledEventAttributes',
  'upsertWorkflowSearchAttributesEventAttributes',
  'workflowPropertiesModifiedEventAttributes',
] as const;

/** Events and actions between two timers that fired, in the first site's history. */
async function readHistory({ temporal, siteIds: [first = ''] }: Fleet): Promise<{ events: number; actions: number }> {
  const { events } = await temporal.client.workflow.getHandle(toWorkflowId(first)).fetchHistory();
  const all = events ?? [];
  const ticks = all.flatMap(({ timerFiredEventAttributes }, at) => (timerFiredEventAttributes ? [at] : []));
  const cycles = ticks.slice(1).map((end, at) => all.slice(ticks[at], end));
  return {
    events: median(cycles.map(({ length }) => length)),
    actions: median(
      cycles.map((cycle) => cycle.filter((event) => ACTIONS.some((name) => (event[name] ?? null) !== null)).length),
    ),
  };
}
