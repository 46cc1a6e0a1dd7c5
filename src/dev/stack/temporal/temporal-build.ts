import { spawn, spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { makePartFolder } from '../process/part-folder.js';
import type { Tell } from '../process/tell.js';

/** The last release that `go install` accepts: later ones hold a `replace`, which it refuses. */
export const GO_MODULE = 'github.com/temporalio/cli/cmd/temporal@v1.5.1';

const TELL_EVERY_MS = 15_000;
const KEPT_OUTPUT_LINES = 8;

/**
 * Builds the Temporal server with Go and puts it at `destination` in one step, so that it is whole or absent.
 *
 * Takes 2.5 to 5 minutes on two cores (measured 2026-11-22) and about 300 MB of downloads.
 * @returns `undefined` when Go is missing or the build failed, with the reason told
 */
export async function buildWithGo(destination: string, tell: Tell): Promise<string | undefined> {
  if (spawnSync('go', ['version']).status !== 0) {
    tell('Go is not installed, so the Temporal server cannot be built here.');
    return undefined;
  }
  const folder = makePartFolder(destination);
  tell(`Building the Temporal server with Go, once: go install ${GO_MODULE}. This takes about 3 minutes on two cores.`);
  try {
    const problem = await goInstall(folder, tell);
    const built = join(folder, 'temporal');
    if (problem !== undefined || !existsSync(built)) {
      tell(`The build of the Temporal server failed:\n${problem ?? 'go install left no program'}`);
      return undefined;
    }
    renameSync(built, destination);
    return destination;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns the end of what Go printed when it failed */
function goInstall(folder: string, tell: Tell): Promise<string | undefined> {
  const startedAt = Date.now();
  const seconds = (): number => Math.round((Date.now() - startedAt) / 1000);
  const go = spawn('go', ['install', GO_MODULE], {
    env: { ...process.env, GOBIN: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let lines: string[] = [];
  const keep = (chunk: Buffer): void => {
    lines = [...lines, ...chunk.toString().trimEnd().split('\n')].slice(-KEPT_OUTPUT_LINES);
  };
  go.stdout.on('data', keep);
  go.stderr.on('data', keep);
  const timer = setInterval(() => tell(`Still building the Temporal server (${seconds()} s so far).`), TELL_EVERY_MS);
  return new Promise<string | undefined>((resolve) => {
    go.once('error', (error) => resolve(error.message));
    go.once('close', (code) => resolve(code === 0 ? undefined : lines.join('\n')));
  }).finally(() => {
    clearInterval(timer);
    tell(`go install ended after ${seconds()} s.`);
  });
}
