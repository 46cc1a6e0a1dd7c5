import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import type { GuardedProcess, StopSignal } from './process/guarded-process.js';
import { tryLockFile, type Release } from './process/lock-file.js';
import { isRunning, type ProcessIdentity } from './process/process-identity.js';

const TEMPORARY_PREFIX = 'meter-sync-stack-';
const LOCK = 'stack.lock';
const SERVERS = 'servers.json';
const PASSWORD = 'postgres-password';

/** The folder of one running stack. Only one process owns it at a time. */
export interface StackFolder {
  readonly path: string;
  /** Whether the folder stays when the stack has ended. */
  readonly isKept: boolean;
  /** The superuser's password on both PostgreSQL servers; the same again when the folder is used again. */
  readonly password: string;
  /** Notes which servers run here, so that a start after a crash can end them. */
  readonly recordServers: (servers: readonly GuardedProcess[]) => void;
  /** Gives the folder free, or removes it when it is temporary. Its servers must have ended. */
  readonly close: () => Promise<void>;
}

/**
 * Opens the folder of a stack: the given one, or a new one in the folder for temporary ones.
 *
 * Whatever a stack of ours that crashed has left is ended (and, among the temporary ones, removed) first.
 * @throws Error another process runs a stack in the given folder
 */
export async function openStackFolder(given: string | undefined, temporaryIn = tmpdir()): Promise<StackFolder> {
  if (given === '')
    throw new Error(
      'The folder of --data is empty; expected the path of a folder. Then run: meter-sync dev --data DIR',
    );
  if (given === undefined) await removeLeftFolders(temporaryIn);
  const path = given === undefined ? await mkdtemp(join(temporaryIn, TEMPORARY_PREFIX)) : resolve(given);
  await mkdir(path, { recursive: true });
  const release = tryLockFile(join(path, LOCK));
  if (typeof release !== 'function') {
    throw new Error(
      `The folder ${path} is in use: process ${release.pid} runs a stack in it. ` +
        'Stop that one, or name another folder with --data.',
    );
  }
  await endServersOf(path);
  if (given !== undefined) return kept(path, release, await readOrMakePassword(path));
  await chmod(path, 0o711); // PostgreSQL's user must pass through to its own folder
  return temporary(path, release);
}

function kept(path: string, release: Release, password: string): StackFolder {
  const close = async (): Promise<void> => {
    await rm(join(path, SERVERS), { force: true });
    release();
  };
  return { path, isKept: true, password, recordServers: (servers) => recordServers(path, servers), close };
}

function temporary(path: string, release: Release): StackFolder {
  const leaveFolder = removeOnceAlone(path);
  const close = async (): Promise<void> => {
    release();
    await rm(path, { recursive: true, force: true, maxRetries: 5 });
    leaveFolder();
  };
  const password = randomBytes(12).toString('hex');
  return { path, isKept: false, password, recordServers: (servers) => recordServers(path, servers), close };
}

/**
 * Removes the folder once this process has ended in whatever way and its servers, which end with it, are gone.
 * @returns lets the removing process end, when the folder is gone already
 */
function removeOnceAlone(path: string): () => void {
  const script = `
    cat >/dev/null
    for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      alive=
      for file in "$1"/*.pid "$1"/*/*.pid; do [ -f "$file" ] && kill -0 "$(cat "$file")" 2>/dev/null && alive=1; done
      [ -z "$alive" ] && break
      sleep 1
    done
    rm -rf "$1"`;
  const remover = spawn('sh', ['-c', script, 'remover', path], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  remover.unref();
  return () => remover.stdin.end();
}

async function readOrMakePassword(path: string): Promise<string> {
  const file = join(path, PASSWORD);
  if (!existsSync(file)) await writeFile(file, randomBytes(12).toString('hex'), { mode: 0o600 });
  return (await readFile(file, 'utf8')).trim();
}

function recordServers(path: string, servers: readonly GuardedProcess[]): void {
  const running = servers.flatMap((server): Leftover[] => {
    const identity = server.identify();
    return identity ? [{ ...identity, stopSignal: server.stopSignal }] : [];
  });
  writeFileSync(join(path, SERVERS), JSON.stringify(running)); // at once: two servers that are ready together keep their order
}

async function endServersOf(path: string): Promise<void> {
  const file = join(path, SERVERS);
  if (!existsSync(file)) return;
  await stopLeftovers(JSON.parse(await readFile(file, 'utf8')) as Leftover[]);
  await rm(file, { force: true });
}

/** Temporary folders whose owner has ended: the machine went down, or their remover was killed as well. */
async function removeLeftFolders(temporaryIn: string): Promise<void> {
  for (const name of await readdir(temporaryIn)) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue;
    const path = join(temporaryIn, name);
    if (!(await isOurs(path)) || !existsSync(join(path, LOCK))) continue;
    const release = tryLockFile(join(path, LOCK));
    if (typeof release !== 'function') continue; // somebody's running stack
    await endServersOf(path);
    await rm(path, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function isOurs(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined); // removed meanwhile by its own remover
  return found !== undefined && found.uid === process.getuid?.();
}

/** A server of a stack, with what is needed to end it when its stack could not. */
interface Leftover extends ProcessIdentity {
  readonly stopSignal: StopSignal;
}

const POLL_MS = 50;
const BY_ITSELF_WITHIN_MS = 3_000; // its guard is most likely ending it already
const IN_ORDER_WITHIN_MS = 20_000;

/**
 * Ends servers that a crashed stack has left, and waits until they are gone.
 *
 * Only the very processes that were noted are signalled: one that merely was given the same number is not ours.
 */
async function stopLeftovers(leftovers: readonly Leftover[]): Promise<void> {
  await Promise.all(leftovers.map(stopLeftover));
}

async function stopLeftover(server: Leftover): Promise<void> {
  if (await isGoneWithin(server, BY_ITSELF_WITHIN_MS)) return;
  process.kill(server.pid, `SIG${server.stopSignal}`);
  if (await isGoneWithin(server, IN_ORDER_WITHIN_MS)) return;
  process.kill(server.pid, 'SIGKILL');
  if (await isGoneWithin(server, IN_ORDER_WITHIN_MS)) return;
  throw new Error(`Process ${server.pid}, a server that an earlier stack has left, does not end. End it by hand.`);
}

async function isGoneWithin(server: ProcessIdentity, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (isRunning(server) && Date.now() < deadline) await pause(POLL_MS);
  return !isRunning(server);
}
