import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { SEARCH_ATTRIBUTE_TYPES } from '../../../model/wire.js';
import { findFreePort } from '../process/free-port.js';
import { startGuarded, tailOf, type GuardedProcess } from '../process/guarded-process.js';
import type { TemporalBinary } from './temporal-binary.js';

const READY_WITHIN_MS = 30_000; // 0.2 s is usual, a loaded machine takes longer
const POLL_MS = 50;
/** A server's timers fire up to a second late by default, so that it can serve many at once; ours has few. */
const PROMPT_TIMERS = 'history.timerProcessorMaxTimeShift="10ms"';

/** A server to be started on free ports of 127.0.0.1. */
interface TemporalServerOptions {
  readonly binary: TemporalBinary;
  /** For the log, the process id and, when kept, the database. */
  readonly folder: string;
  /** Whether workflows outlive the server, in a database file in `folder`. */
  readonly keep: boolean;
  /** Names of keyword search attributes to be registered. */
  readonly searchAttributes: readonly string[];
  /** Where the server tells figures of itself; absent: on a port that nobody knows. */
  readonly metricsPort?: number;
}

/** A Temporal dev server of our own on 127.0.0.1, with namespace `default`. */
interface TemporalServer {
  readonly address: string;
  /** Address of Temporal Web UI. */
  readonly webUi: string;
  /** The running server: ends with `stop`, and with this process. */
  readonly process: GuardedProcess;
}

/**
 * Starts a Temporal dev server and waits until it answers and knows the search attributes.
 *
 * The SDK's own way of starting one lets the server print to our standard output, which belongs to `--json`.
 * @throws Error it did not start, with the end of its log
 */
export async function startTemporal(options: TemporalServerOptions): Promise<TemporalServer> {
  const logFile = join(options.folder, 'temporal.log');
  for (let attempt = 1; ; attempt += 1) {
    const [port, uiPort] = await Promise.all([findFreePort(), findFreePort()]);
    const server = startGuarded({
      command: options.binary.path,
      args: argumentsOf(options, port, uiPort),
      env: withoutTemporalSettings(process.env),
      logFile,
      pidFile: join(options.folder, 'temporal.pid'),
      stopSignal: options.keep ? 'TERM' : 'KILL', // what is thrown away needs no second for an orderly end
    });
    const address = `127.0.0.1:${port}`;
    if (await becomesReady(server, address, options.searchAttributes)) {
      return { address, webUi: `http://127.0.0.1:${uiPort}`, process: server };
    }
    await server.stop();
    const log = tailOf(logFile);
    if (attempt < 3 && log.includes('address already in use')) continue; // somebody took the port meanwhile
    throw new Error(`Temporal's dev server ${options.binary.path} did not start. The end of ${logFile}:\n${log}`);
  }
}

function argumentsOf(options: TemporalServerOptions, port: number, uiPort: number): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
    ...['--log-level', 'warn', '--color', 'never'],
    ...['--dynamic-config-value', PROMPT_TIMERS],
    ...options.searchAttributes.flatMap((name) => ['--search-attribute', `${name}=${SEARCH_ATTRIBUTE_TYPES[name]}`]),
    ...(options.metricsPort === undefined ? [] : ['--metrics-port', String(options.metricsPort)]),
    ...(options.keep ? ['--db-filename', join(options.folder, databaseName(options.binary.version))] : []),
  ];
}

/** A file of another server version is not taken up: the dev server does not migrate it, and would not start. */
function databaseName(version: string): string {
  return `temporal-${/Server (\d[\w.-]*)/.exec(version)?.[1] ?? 'unknown'}.db`;
}

/** The CLI reads `TEMPORAL_*` too; what is meant for clients must not bend the server. */
function withoutTemporalSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

async function becomesReady(
  server: GuardedProcess,
  address: string,
  searchAttributes: readonly string[],
): Promise<boolean> {
  const { Connection } = await import('@temporalio/client');
  const deadline = Date.now() + READY_WITHIN_MS;
  // A gRPC channel that finds nobody waits a second before it looks again; a plain socket may look at once.
  while (!(await isListening(address)) && !server.hasExited() && Date.now() < deadline) await pause(POLL_MS);
  // our own server on this machine is never asked through a proxy of the environment
  const connection = Connection.lazy({ address, channelArgs: { 'grpc.enable_http_proxy': 0 } });
  try {
    while (!server.hasExited() && Date.now() < deadline) {
      const answer = connection.operatorService.listSearchAttributes({ namespace: 'default' });
      const known = await answer.catch(() => undefined); // not up yet; when it stays so, its log is shown
      if (known && searchAttributes.every((name) => name in (known.customAttributes ?? {}))) return true;
      await pause(POLL_MS);
    }
    return false;
  } finally {
    await connection.close();
  }
}

function isListening(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false)); // nobody there yet, which is the answer
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
