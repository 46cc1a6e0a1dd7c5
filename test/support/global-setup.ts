import { statfs } from 'node:fs/promises';
import type { TestProject } from 'vitest/node';

import { type Stack, startStack } from '../../src/dev/stack/stack.js';
import { buildProgram, WORKFLOW_BUNDLE } from './program.js';
import { SERVER_UNDER_TEST, startServerUnderTest } from './server-under-test.js';
import type { SystemServer } from './system-postgres.js';
import { findCloneStrategy, makeTemplates } from './templates.js';
import './context.js';

/** Files of tests that need servers: a run of others alone starts none. */
const NEEDS_SERVERS = /\.(pg|temporal)\.test\.ts$/;
/** Files of tests that may start the program as a process of its own: it is built for them, once a run. */
const NEEDS_PROGRAM = /\.(pg|temporal)\.test\.ts$|\/test\/cli\//;

/**
 * One stack for the whole run. `METER_SYNC_TEST_DATA=DIR` runs it on a folder that stays, so that the databases of failed
 * tests can be looked at afterwards (start the servers again with `meter-sync dev --data DIR`).
 * `METER_SYNC_TEST_SERVER` takes other servers for all databases, `METER_SYNC_TEST_REMOTE_URL=URL` another one for the remote ones.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { testFiles } = await project.globTestFiles(filtersOf(project));
  const building = testFiles.some((file) => NEEDS_PROGRAM.test(file)) ? buildProgram() : Promise.resolve();
  building.catch(() => undefined); // told below, when the servers are up
  if (!testFiles.some((file) => NEEDS_SERVERS.test(file))) return void (await building);
  const data = process.env['METER_SYNC_TEST_DATA'] || undefined;
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const temporaryIn = await findMemory();
  const stack = await startStack({ data, temporaryIn, env: process.env, tell });
  const ends = [(): Promise<void> => stack.stop()];
  const stop = async (): Promise<void> => void (await Promise.all(ends.map((end) => end())));
  try {
    const [local, remote] = await chooseServers(stack, temporaryIn, (end) => ends.push(end));
    await Promise.all([building, makeTemplates(local, 'local'), makeTemplates(remote, 'remote')]);
    project.provide('stack', {
      local,
      remote,
      temporalAddress: stack.temporalAddress,
      cloneStrategy: { local: await findCloneStrategy(local), remote: await findCloneStrategy(remote) },
      bundlePath: WORKFLOW_BUNDLE,
      isKept: data !== undefined,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** The URLs of the maintenance databases. */
async function chooseServers(
  stack: Stack,
  temporaryIn: string | undefined,
  atEnd: (end: () => Promise<void>) => void,
): Promise<readonly [string, string]> {
  if (SERVER_UNDER_TEST !== null) {
    const start = (): Promise<SystemServer> => startServerUnderTest(SERVER_UNDER_TEST!, temporaryIn, atEnd);
    const [local, remote] = await Promise.all([start(), start()]);
    return [local.url, remote.url];
  }
  const other = process.env['METER_SYNC_TEST_REMOTE_URL'] || undefined;
  return [toMaintenance(stack.local), toMaintenance(other ?? stack.remote)];
}

const MEMORY = '/dev/shm';
const ROOM_BYTES = 4 * 2 ** 30;

/**
 * A folder in memory, where the machine has one with room. A test makes and drops two databases of 300 files each, and a file
 * system on a disk looks for a place that was not deleted from just now: that took half of the processors' time (2026-11-28).
 */
async function findMemory(): Promise<string | undefined> {
  const found = await statfs(MEMORY).catch(() => null); // only Linux has it
  return found !== null && found.bavail * found.bsize >= ROOM_BYTES ? MEMORY : undefined;
}

/** The names given on the command line. */
function filtersOf(project: TestProject): string[] {
  const filters: unknown = (project.vitest as unknown as { filenamePattern?: string[] }).filenamePattern;
  return Array.isArray(filters) ? (filters as string[]) : [];
}

function toMaintenance(url: string): string {
  return Object.assign(new URL(url), { pathname: '/postgres' }).href;
}
