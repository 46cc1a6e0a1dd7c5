import { execFileSync } from 'node:child_process';
import { appendFileSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { findPostgresBinaries, type PostgresBinaries } from '../../src/dev/stack/postgres/postgres-binaries.js';
import { startPostgres } from '../../src/dev/stack/postgres/postgres-server.js';
import { choosePostgresUser } from '../../src/dev/stack/postgres/postgres-user.js';
import { openStackFolder } from '../../src/dev/stack/stack-folder.js';

const INSTALLED = '/usr/lib/postgresql';

/** Why no server of another version can be started here; null: one can. */
export const NO_OTHER_VERSION = findInstalled().length > 0 ? null : `no PostgreSQL is installed in ${INSTALLED}`;

/** A locale in which servers say other words; the package `locales` and `localedef -i de_DE -f UTF-8 de_DE.UTF-8` make it. */
export const GERMAN = 'de_DE.UTF-8';
/** Why no server can speak German here; null: one can. */
export const NO_GERMAN = NO_OTHER_VERSION ?? (hasLocale(GERMAN) ? null : `the locale ${GERMAN} is not installed`);

/** How a server differs from one that the system's packages make. */
export interface SystemServerOptions {
  /** Its programs; absent: those of the newest version that is installed here, other than the one of the tests. */
  readonly findBinaries?: (copyFolder: string) => Promise<PostgresBinaries>;
  /** Where its folder is made; absent: where the system has such folders. */
  readonly temporaryIn?: string | undefined;
  /** Of all its databases; C, which sorts by bytes and speaks English, unless told. */
  readonly locale?: string;
  /** Settings of the server, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf that go before its own. */
  readonly hba?: readonly string[];
  /** Files in the server's own folder, such as its certificate. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A server of the system's packages. */
export interface SystemServer {
  /** Its superuser and the database `postgres`. */
  readonly url: string;
  /** Its data directory. */
  readonly data: string;
  readonly binaries: PostgresBinaries;
  /** Whom it runs as; undefined: as the tests. */
  readonly user: ReturnType<typeof choosePostgresUser>;
  /** Ends it before its test does. */
  readonly stop: () => Promise<void>;
  /** Writes a file of the server, readable for it alone. */
  readonly write: (name: string, content: string) => void;
}

/**
 * A server of the newest version that the system's packages have installed, other than the one of the tests.
 * @param atEnd what is to end the server: the test, unless told
 */
export async function startSystemPostgres(
  options: SystemServerOptions = {},
  atEnd: (end: () => Promise<void>) => void = onTestFinished,
): Promise<SystemServer> {
  const folder = await openStackFolder(undefined, options.temporaryIn);
  const user = choosePostgresUser();
  const binaries = await (options.findBinaries ?? findOther)(join(folder.path, 'postgresql'));
  const home = join(folder.path, 'other');
  const data = join(home, 'data');
  makeData({ binaries, user, home, password: folder.password }, options);
  const server = await startPostgres({
    binaries,
    user,
    folder: home,
    logFile: join(folder.path, 'other.log'),
    password: folder.password,
    database: 'test',
    durable: false,
    ...(options.settings === undefined ? {} : { settings: options.settings }), // before those of every server of ours, which say how many connections it takes
  });
  atEnd(async () => {
    await server.process.stop();
    await folder.close();
  });
  return { url: server.url('postgres'), data, binaries, user, write, stop: () => server.process.stop() };

  function write(name: string, content: string): void {
    writeOwned(join(data, name), content, user);
  }
}

/** A server that is to be made. */
interface NewServer {
  readonly binaries: PostgresBinaries;
  readonly user: ReturnType<typeof choosePostgresUser>;
  /** Made here; its data lie below it. */
  readonly home: string;
  readonly password: string;
}

/** Makes the data of a server as the system's packages do: with the settings that initdb writes, but for those of the options. */
export function makeData({ binaries, user, home, password }: NewServer, options: SystemServerOptions): void {
  const { settings = {}, hba = [], files = {}, locale = 'C' } = options;
  const data = join(home, 'data');
  mkdirSync(home);
  if (user) chownSync(home, user.uid, user.gid);
  const passwordFile = join(home, 'password');
  writeOwned(passwordFile, password, user);
  const access = [`--username=postgres`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  const args = ['--encoding=UTF8', `--locale=${locale}`, ...access, '--no-sync'];
  const ids = user ? { uid: user.uid, gid: user.gid } : {};
  execFileSync(binaries.initdb, [`--pgdata=${data}`, ...args], { ...ids, cwd: home, stdio: 'ignore' });
  for (const [name, content] of Object.entries(files)) writeOwned(join(data, name), content, user);
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
  appendFileSync(join(data, 'postgresql.conf'), lines.join(''));
  const hbaFile = join(data, 'pg_hba.conf');
  writeFileSync(hbaFile, [...hba, readFileSync(hbaFile, 'utf8')].join('\n'));
}

function writeOwned(path: string, content: string, user: NewServer['user']): void {
  writeFileSync(path, content, { mode: 0o600 });
  if (user) chownSync(path, user.uid, user.gid);
}

/** The programs of the newest version that the system's packages have installed, other than the one of the tests. */
export async function findOther(copyFolder: string): Promise<PostgresBinaries> {
  const ours = majorOf(await findPostgresBinaries(choosePostgresUser(), copyFolder));
  const found = findInstalled().find((installed) => majorOf(installed) !== ours);
  if (found === undefined) throw new Error(`only PostgreSQL ${ours} is installed, which the tests run on anyway`);
  return found;
}

/**
 * A standby of such a server, which follows it; ends with the test.
 * @returns the URL of its database `postgres`, with the primary's password
 */
export async function startStandbyOf(primary: SystemServer): Promise<string> {
  const folder = await openStackFolder(undefined);
  const { password, port } = new URL(primary.url);
  const home = join(folder.path, 'standby');
  mkdirSync(home);
  const { user, binaries } = primary;
  if (user) chownSync(home, user.uid, user.gid);
  const args = ['-D', join(home, 'data'), '-h', '127.0.0.1', '-p', port, '-U', 'postgres', '--write-recovery-conf'];
  const ids = user ? { uid: user.uid, gid: user.gid } : {};
  const env = { ...process.env, PGPASSWORD: decodeURIComponent(password) };
  execFileSync(join(dirname(binaries.postgres), 'pg_basebackup'), [...args, '--checkpoint=fast', '--no-sync'], {
    ...ids,
    env,
    cwd: home,
  });
  const server = await startPostgres({
    binaries,
    user,
    folder: home,
    logFile: join(folder.path, 'standby.log'),
    password: decodeURIComponent(password),
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

function hasLocale(name: string): boolean {
  try {
    const installed = execFileSync('locale', ['-a'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return installed.split('\n').includes(name.replace('UTF-8', 'utf8'));
  } catch {
    return false; // a system without the command has no locales to choose from
  }
}
