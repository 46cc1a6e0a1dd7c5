import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { findPostgresBinaries, type PostgresBinaries } from '../../src/dev/stack/postgres/postgres-binaries.js';
import { startPostgres } from '../../src/dev/stack/postgres/postgres-server.js';
import { choosePostgresUser } from '../../src/dev/stack/postgres/postgres-user.js';
import { openStackFolder } from '../../src/dev/stack/stack-folder.js';

const INSTALLED = '/usr/lib/postgresql';

/** Why no server of another version can be started here; null: one can. */
export const NO_OTHER_VERSION = findInstalled().length > 0 ? null : `no PostgreSQL is installed in ${INSTALLED}`;

/**
 * A server of the newest version that the system's packages have installed, other than the one of the tests; it ends with
 * the test.
 * @returns its URL
 */
export async function startOtherVersion(): Promise<string> {
  const folder = await openStackFolder(undefined);
  const user = choosePostgresUser();
  const ours = majorOf(await findPostgresBinaries(user, join(folder.path, 'postgresql')));
  const binaries = findInstalled().find((installed) => majorOf(installed) !== ours);
  if (binaries === undefined) throw new Error(`only PostgreSQL ${ours} is installed, which the tests run on anyway`);
  const home = join(folder.path, 'other');
  mkdirSync(home);
  const passwordFile = join(home, 'password');
  writeFileSync(passwordFile, folder.password);
  if (user) for (const path of [home, passwordFile]) chownSync(path, user.uid, user.gid);
  const args = ['--encoding=UTF8', '--locale=C', '--username=postgres', `--pwfile=${passwordFile}`, '--no-sync'];
  const ids = user ? { uid: user.uid, gid: user.gid } : {};
  execFileSync(binaries.initdb, [`--pgdata=${join(home, 'data')}`, ...args], { ...ids, cwd: home, stdio: 'ignore' });
  const server = await startPostgres({
    binaries,
    user,
    folder: home,
    logFile: join(folder.path, 'other.log'),
    password: folder.password,
    database: 'test',
    durable: false,
  });
  onTestFinished(async () => {
    await server.process.stop();
    await folder.close();
  });
  return server.url('postgres');
}

/** The newest first. */
function findInstalled(): PostgresBinaries[] {
  try {
    return readdirSync(INSTALLED)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(INSTALLED, version, 'bin'))
      .map((folder) => ({ initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') }));
  } catch {
    return []; // the folder of Debian's packages, which other systems do not have
  }
}

function majorOf({ postgres }: PostgresBinaries): string {
  return /(\d+)/.exec(execFileSync(postgres, ['--version'], { encoding: 'utf8' }))?.[1] ?? '';
}
