import { join } from 'node:path';

import type { Side } from '../../model/failures.js';
import { SEARCH_ATTRIBUTES } from '../../model/wire.js';
import type { GuardedProcess } from './process/guarded-process.js';
import { findPostgresBinaries } from './postgres/postgres-binaries.js';
import { startPostgres, type PostgresServer } from './postgres/postgres-server.js';
import { checkFolderIsOpen, choosePostgresUser } from './postgres/postgres-user.js';
import type { Tell } from './process/tell.js';
import { openStackFolder, type StackFolder } from './stack-folder.js';
import { findTemporalBinary } from './temporal/temporal-binary.js';
import { startTemporal } from './temporal/temporal-server.js';

/** What a stack is started from. */
export interface StackOptions {
  /** Keeps everything in this folder, to be used again by the next start. Without it a temporary folder is removed. */
  readonly data?: string | undefined;
  /** Where the temporary folder is made; absent: where the system has such folders. */
  readonly temporaryIn?: string | undefined;
  /** Where `TEMPORAL_ADDRESS`, the PATH and our own settings are looked up. */
  readonly env: NodeJS.ProcessEnv;
  /** Hears what takes long. */
  readonly tell: Tell;
}

/** Everything a site and its customer need, on this machine, all on 127.0.0.1. */
export interface Stack {
  /** Connection URL of the site's database. Holds a password. */
  readonly local: string;
  /** Connection URL of the customer's database. Holds a password. */
  readonly remote: string;
  readonly temporalAddress: string;
  /** Address of Temporal Web UI; `null` when the Temporal server is not ours, so that we do not know it. */
  readonly webUi: string | null;
  /** Holds the logs of all servers. */
  readonly folder: string;
  /** Ends all servers and removes the folder, unless it was given. May be called twice. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts two PostgreSQL servers and a Temporal server, at the same time, and waits until all answer.
 *
 * They end with this process at the latest, however it ends. Ready in about 1.5 s when the Temporal server is there.
 * @throws Error with the reason and the way out; nothing is left running then
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const folder = await openStackFolder(options.data, options.temporaryIn);
  const running: GuardedProcess[] = [];
  const stop = once(async () => {
    await Promise.all(running.map((server) => server.stop()));
    await folder.close();
  });
  const note = async <T extends { readonly process: GuardedProcess }>(starting: Promise<T>): Promise<T> => {
    const server = await starting;
    running.push(server.process);
    folder.recordServers(running);
    return server;
  };
  const parts = [startDatabases(folder, note), startOrFindTemporal(folder, options, note)] as const;
  try {
    const [[local, remote], temporal] = await Promise.all(parts);
    return { local: local.url(), remote: remote.url(), ...temporal, folder: folder.path, stop };
  } catch (error) {
    await Promise.allSettled(parts); // what is still starting would otherwise outlive the stop
    await stop();
    throw error;
  }
}

type Note = <T extends { readonly process: GuardedProcess }>(starting: Promise<T>) => Promise<T>;

async function startDatabases(folder: StackFolder, note: Note): Promise<[PostgresServer, PostgresServer]> {
  const user = choosePostgresUser();
  checkFolderIsOpen(user, folder.path);
  const binaries = await findPostgresBinaries(user, join(folder.path, 'postgresql'));
  const start = (side: Side, database: string): Promise<PostgresServer> =>
    note(
      startPostgres({
        binaries,
        user,
        folder: join(folder.path, side),
        logFile: join(folder.path, `${side}.log`),
        password: folder.password,
        database,
        durable: folder.isKept,
      }),
    );
  const both = [start('local', 'site'), start('remote', 'customer')] as const;
  await Promise.allSettled(both); // when one fails, the other is up and noted before the failure is told
  return Promise.all(both);
}

async function startOrFindTemporal(
  folder: StackFolder,
  { env, tell }: StackOptions,
  note: Note,
): Promise<{ temporalAddress: string; webUi: string | null }> {
  const given = env['TEMPORAL_ADDRESS'];
  if (given) return { temporalAddress: given, webUi: null };
  const binary = await findTemporalBinary(env, tell);
  const searchAttributes = Object.values(SEARCH_ATTRIBUTES);
  const server = await note(startTemporal({ binary, folder: folder.path, keep: folder.isKept, searchAttributes }));
  return { temporalAddress: server.address, webUi: server.webUi };
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= work());
}
