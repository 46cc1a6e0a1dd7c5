import { spawn } from 'node:child_process';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { makePartFolder } from '../process/part-folder.js';
import type { Tell } from '../process/tell.js';

/** A network that swallows packets would let the SDK wait for minutes; the first bytes come within seconds or not at all. */
const FIRST_BYTES_WITHIN_MS = 20_000;
const WHOLE_WITHIN_MS = 300_000;

/**
 * The SDK downloads only on its way to a started server, and lets that server print to our output. So it does both in a
 * process of its own, whose output goes nowhere.
 */
const DOWNLOAD = `
  const [testing, downloadDir] = process.argv.slice(1);
  require(testing).TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'cached-download', downloadDir } } })
    .then((environment) => environment.teardown())
    .catch((error) => { process.stderr.write(String(error.message)); process.exitCode = 1; });
`;

/**
 * Downloads the Temporal server as Temporal's SDK does and puts it at `destination` in one step.
 *
 * About 50 MB. Without a way to the internet it ends within seconds. The caller holds the lock.
 * @returns `undefined` when it could not be downloaded, with the reason told
 */
export async function downloadWithSdk(destination: string, tell: Tell): Promise<string | undefined> {
  const folder = makePartFolder(destination);
  tell('Downloading the Temporal server from temporal.download, once (about 50 MB).');
  try {
    const problem = await download(folder);
    const file = readdirSync(folder).find((name) => /^temporal-sdk-typescript-[\d.]+$/.test(name));
    if (file === undefined) {
      tell(`The Temporal server could not be downloaded: ${problem ?? 'the SDK left no file'}`);
      return undefined;
    }
    renameSync(join(folder, file), destination); // the SDK, too, gives its file this name only when it is whole
    return destination;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns what went wrong */
function download(folder: string): Promise<string | undefined> {
  const testing = createRequire(import.meta.url).resolve('@temporalio/testing');
  const child = spawn(process.execPath, ['-e', DOWNLOAD, testing, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  let problem = '';
  child.stderr.on('data', (chunk: Buffer) => (problem = `${problem}${chunk.toString()}`.slice(-500)));
  const giveUp = (reason: string): void => {
    problem = reason;
    child.kill('SIGKILL');
  };
  const first = setTimeout(() => {
    if (readdirSync(folder).length === 0) giveUp(`no answer within ${FIRST_BYTES_WITHIN_MS / 1000} s`);
  }, FIRST_BYTES_WITHIN_MS);
  const whole = setTimeout(() => giveUp(`not done within ${WHOLE_WITHIN_MS / 1000} s`), WHOLE_WITHIN_MS);
  return new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code === 0 ? undefined : problem.trim()));
  }).finally(() => {
    clearTimeout(first);
    clearTimeout(whole);
  });
}
