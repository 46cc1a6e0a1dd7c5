import type { TestProject } from 'vitest/node';

import { startStack } from '../../src/dev/stack/stack.js';
import { buildBundle } from './bundle.js';
import { makeTemplates } from './templates.js';
import './context.js';

/** Files of tests that need no server: a run of these alone starts none. */
const PURE = /(?<!\.pg|\.temporal)\.test\.ts$/;

/**
 * One stack for the whole run. `METER_SYNC_TEST_DATA=DIR` runs it on a folder that stays, so that the databases of failed
 * tests can be looked at afterwards (start the servers again with `meter-sync dev --data DIR`).
 * `METER_SYNC_TEST_REMOTE_URL=URL` takes another server for the remote databases: one of another version, say.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { testFiles } = await project.globTestFiles(filtersOf(project));
  if (testFiles.length > 0 && testFiles.every((file) => PURE.test(file))) return undefined;
  const data = process.env['METER_SYNC_TEST_DATA'] || undefined;
  const stack = await startStack({ data, env: process.env, tell: (line) => process.stderr.write(`${line}\n`) });
  try {
    const other = process.env['METER_SYNC_TEST_REMOTE_URL'] || undefined;
    const [local, remote] = [toMaintenance(stack.local), toMaintenance(other ?? stack.remote)];
    const [bundlePath] = await Promise.all([
      buildBundle(stack.folder),
      makeTemplates(local, 'local'),
      makeTemplates(remote, 'remote'),
    ]);
    const { temporalAddress } = stack;
    project.provide('stack', { local, remote, temporalAddress, bundlePath, isKept: data !== undefined });
  } catch (error) {
    await stack.stop();
    throw error;
  }
  return () => stack.stop();
}

/** The names given on the command line. */
function filtersOf(project: TestProject): string[] {
  const filters: unknown = (project.vitest as unknown as { filenamePattern?: string[] }).filenamePattern;
  return Array.isArray(filters) ? (filters as string[]) : [];
}

function toMaintenance(url: string): string {
  return Object.assign(new URL(url), { pathname: '/postgres' }).href;
}
