import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.js';

const POLL_MS = 250;

/** Gives the lock back. May be called twice. */
export type Release = () => void;

/**
 * Takes a lock that other processes of this machine respect, unless somebody holds it.
 *
 * A lock whose owner has ended is stale and is taken over, so a crash never blocks the next start.
 * @returns the release, or the process that holds the lock
 */
export function tryLockFile(path: string): Release | ProcessIdentity {
  for (;;) {
    const claim = writeClaim(path);
    try {
      linkSync(claim, path); // fails when the name exists: only one of many gets it, and its content is whole at once
      return () => releaseOwn(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(claim, { force: true });
    }
    const owner = readOwner(path);
    if (owner && isRunning(owner)) return owner;
    removeStale(path, owner);
  }
}

/** Takes the lock, waiting while another process holds it; `onWait` is told once, with that process. */
export async function lockFile(path: string, onWait: (owner: ProcessIdentity) => void): Promise<Release> {
  for (let waited = false; ; waited = true) {
    const lock = tryLockFile(path);
    if (typeof lock === 'function') return lock;
    if (!waited) onWait(lock);
    await pause(POLL_MS);
  }
}

function writeClaim(path: string): string {
  const claim = `${path}.${randomUUID()}`;
  writeFileSync(claim, JSON.stringify(identifyProcess(process.pid)));
  return claim;
}

function readOwner(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Moves a stale lock away. Two processes may see the same stale lock; the second one would move the lock that the first
 * has taken by then. So what was moved is looked at again, and put back when it is alive.
 */
function removeStale(path: string, stale: ProcessIdentity | undefined): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    const moved = readOwner(aside);
    if (moved && moved.pid !== stale?.pid && isRunning(moved)) linkSync(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error; // another one was faster
  } finally {
    rmSync(aside, { force: true });
  }
}

function releaseOwn(path: string): void {
  if (readOwner(path)?.pid === process.pid) rmSync(path, { force: true });
}
