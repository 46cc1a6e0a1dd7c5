import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findFreePort } from '../../../src/dev/stack/process/free-port.js';
import { startGuarded } from '../../../src/dev/stack/process/guarded-process.js';
import { lockFile } from '../../../src/dev/stack/process/lock-file.js';
import { makePartFolder } from '../../../src/dev/stack/process/part-folder.js';
import type { Tell } from '../../../src/dev/stack/process/tell.js';
import { cacheFolder } from '../../../src/dev/stack/temporal/temporal-binary.js';
import { until } from '../../support/wait.js';

/** A way to a port that Toxiproxy can spoil. */
export interface ToxicLink {
  readonly port: number;
  /** Closes all connections, and opens for new ones when the promise that it answers with has settled. */
  readonly shut: () => Promise<{ readonly open: () => Promise<void> }>;
  /** Adds a toxic for all connections. */
  readonly poison: (toxic: Toxic) => Promise<{ readonly cure: () => Promise<void> }>;
}

/** See https://github.com/Shopify/toxiproxy#toxics */
export interface Toxic {
  readonly type: 'limit_data' | 'reset_peer' | 'timeout' | 'slicer';
  readonly stream: 'upstream' | 'downstream';
  readonly attributes: Readonly<Record<string, number>>;
}

export interface Toxiproxy {
  readonly link: (name: string, toPort: number) => Promise<ToxicLink>;
  readonly stop: () => Promise<void>;
}

const GO_MODULE = 'github.com/Shopify/toxiproxy/v2/cmd/server@latest';

/**
 * Finds Toxiproxy on the PATH or in our cache, or builds it with Go, which takes some ten seconds once.
 * @returns undefined when there is none to be had, with the reason told
 */
export async function findToxiproxy(tell: Tell): Promise<string | undefined> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const known = folders.map((folder) => join(folder, 'toxiproxy-server')).find((path) => existsSync(path));
  if (known !== undefined) return known;
  const cache = cacheFolder(process.env);
  const cached = join(cache, 'toxiproxy-server');
  mkdirSync(cache, { recursive: true });
  const release = await lockFile(join(cache, 'toxiproxy.lock'), () =>
    tell('Toxiproxy is being built; waiting for it.'),
  );
  try {
    return existsSync(cached) || (await build(cached, tell)) ? cached : undefined;
  } finally {
    release();
  }
}

const MAX_BUILD_MS = 120_000;

async function build(destination: string, tell: Tell): Promise<boolean> {
  if (spawnSync('go', ['version']).status !== 0) {
    tell('Go is not installed, so Toxiproxy cannot be built here.');
    return false;
  }
  tell(`Building Toxiproxy, once: go install ${GO_MODULE}`);
  const folder = makePartFolder(destination);
  try {
    const go = spawn('go', ['install', GO_MODULE], {
      env: { ...process.env, GOBIN: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: MAX_BUILD_MS,
    });
    let said = '';
    go.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-500)));
    const code = await new Promise<number | null>((resolve) => go.once('close', resolve));
    if (code === 0) renameSync(join(folder, 'server'), destination);
    else tell(`The build of Toxiproxy failed: ${said.trim()}`);
    return code === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts Toxiproxy. It ends with this process. */
export async function startToxiproxy(binary: string, folder: string): Promise<Toxiproxy> {
  const port = await findFreePort();
  const server = startGuarded({
    command: binary,
    args: ['-host', '127.0.0.1', '-port', String(port)],
    env: { ...process.env, LOG_LEVEL: 'fatal' },
    logFile: join(folder, 'toxiproxy.log'),
    pidFile: join(folder, 'toxiproxy.pid'),
    stopSignal: 'TERM',
  });
  const api = `http://127.0.0.1:${port}`;
  const answers = async (): Promise<boolean> => (await fetch(`${api}/version`)).ok;
  await until(answers, { what: 'Toxiproxy answers', everyMs: 20 });
  return { stop: () => server.stop(), link: (name, toPort) => makeLink(api, name, toPort) };
}

async function makeLink(api: string, name: string, toPort: number): Promise<ToxicLink> {
  const made = await call(`${api}/proxies`, 'POST', { name, listen: '127.0.0.1:0', upstream: `127.0.0.1:${toPort}` });
  const listen = (made as { listen: string }).listen;
  const self = `${api}/proxies/${name}`;
  const port = Number(listen.split(':').at(-1));
  return {
    port,
    shut: async () => {
      await call(self, 'POST', { enabled: false, listen: `127.0.0.1:${port}` });
      return { open: async () => void (await call(self, 'POST', { enabled: true, listen: `127.0.0.1:${port}` })) };
    },
    poison: async (toxic) => {
      const toxicName = toxic.type;
      await call(`${self}/toxics`, 'POST', { name: toxicName, ...toxic });
      return { cure: async () => void (await call(`${self}/toxics/${toxicName}`, 'DELETE')) };
    },
  };
}

async function call(url: string, method: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`Toxiproxy answered ${answer.status} to ${method} ${url}: ${text}`);
  return text === '' ? null : JSON.parse(text);
}
