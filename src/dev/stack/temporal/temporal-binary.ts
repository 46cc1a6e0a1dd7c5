import { execFile } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

import { lockFile } from '../process/lock-file.js';
import type { Tell } from '../process/tell.js';
import { buildWithGo, GO_MODULE } from './temporal-build.js';
import { downloadWithSdk } from './temporal-download.js';

/** A `temporal` program that has been seen to run. */
export interface TemporalBinary {
  readonly path: string;
  /** As `temporal --version` prints it. */
  readonly version: string;
}

/** One way to come by the program, which leaves it as a file of this name in the cache folder. */
export interface Way {
  readonly name: string;
  /** Answers with the file; `undefined` when the way is closed here, with the reason told. */
  readonly obtain: (destination: string, tell: Tell) => Promise<string | undefined>;
}

/** In the order they are tried. */
const WAYS: readonly Way[] = [
  { name: 'temporal-downloaded', obtain: downloadWithSdk },
  { name: 'temporal-built', obtain: buildWithGo },
];

/** Where downloaded and built programs are kept: `METER_SYNC_CACHE_DIR`, else `meter-sync` in the user's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  return env['METER_SYNC_CACHE_DIR'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'meter-sync');
}

/**
 * Finds the Temporal dev server, or makes it: named by setting, on the PATH, in our cache, downloaded, built with Go.
 *
 * What is downloaded or built stays in the cache folder. Of several processes that need it at once one works, the others
 * wait; work that was cut short leaves nothing that a later start would take for whole.
 * @throws Error no way is open, naming all of them; or the program named by setting does not run
 */
export async function findTemporalBinary(
  env: NodeJS.ProcessEnv,
  tell: Tell,
  ways: readonly Way[] = WAYS,
): Promise<TemporalBinary> {
  const named = env['METER_SYNC_TEMPORAL_BINARY'];
  if (named) return checkNamed(named);
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const found = await check(join(folder, 'temporal'));
    if (found) return found;
  }
  const cache = cacheFolder(env);
  return (await findCached(cache, ways)) ?? (await obtain(cache, ways, tell));
}

async function checkNamed(path: string): Promise<TemporalBinary> {
  const found = await check(path);
  if (found) return found;
  throw new Error(
    `METER_SYNC_TEMPORAL_BINARY is '${path}', which does not run as Temporal's command line; expected the path of a ` +
      `temporal program. Then run: '${path}' --version`,
  );
}

async function findCached(cache: string, ways: readonly Way[]): Promise<TemporalBinary | undefined> {
  for (const { name } of ways) {
    const found = await check(join(cache, name));
    if (found) return found;
  }
  return undefined;
}

async function obtain(cache: string, ways: readonly Way[], tell: Tell): Promise<TemporalBinary> {
  mkdirSync(cache, { recursive: true });
  const release = await lockFile(join(cache, 'temporal.lock'), ({ pid }) =>
    tell(`Process ${pid} is fetching the Temporal server already; waiting for it (up to some minutes).`),
  );
  try {
    const meanwhile = await findCached(cache, ways);
    if (meanwhile) return meanwhile;
    for (const { name, obtain } of ways) {
      const path = await obtain(join(cache, name), tell);
      const found = path === undefined ? undefined : await check(path);
      if (found) return found;
    }
  } finally {
    release();
  }
  throw new Error(noWayIsOpen(cache));
}

async function check(path: string): Promise<TemporalBinary | undefined> {
  try {
    accessSync(path, constants.X_OK);
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 20_000 });
    return stdout.startsWith('temporal version') ? { path, version: stdout.trim() } : undefined;
  } catch {
    return undefined; // absent, or not a program that runs here: the next way is tried
  }
}

function noWayIsOpen(cache: string): string {
  return [
    'No Temporal server was found, and none could be downloaded or built. Any one of these helps:',
    '  - set TEMPORAL_ADDRESS to a Temporal server that runs, for example 127.0.0.1:7233',
    '  - install the Temporal CLI (https://docs.temporal.io/cli) so that temporal is on the PATH',
    '  - set METER_SYNC_TEMPORAL_BINARY to the path of a temporal program',
    `  - put such a program at ${join(cache, WAYS[0]!.name)}`,
    '  - allow this machine to reach https://temporal.download',
    `  - install Go 1.24 or newer, so that it can be built: go install ${GO_MODULE}`,
  ].join('\n');
}
