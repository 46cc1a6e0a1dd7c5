import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

import { identifyProcess, type ProcessIdentity } from './process-identity.js';

/**
 * Runs a server and ends it when this process ends, even by kill -9: the shell reads a pipe whose other end only this
 * process holds, and the system closes it whatever happens. Being the server's parent, the shell can never signal a
 * stranger that was given the same process id. In a session of its own, Ctrl-C on the terminal reaches this process
 * alone, which then ends things in their order.
 */
const GUARD = `
exec 3<&0 </dev/null
signal=$1 pidfile=$2
shift 2
"$@" 3<&- &
server=$!
echo "$server" >"$pidfile"
{
  cat <&3 >/dev/null
  kill -s "$signal" "$server"
  for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 1; kill -0 "$server" || exit; done
  kill -s KILL "$server"
} 2>/dev/null &
watcher=$!
exec 3<&-
wait "$server"
code=$?
kill "$watcher" 2>/dev/null
exit "$code"
`;

/** The system user that a server runs as. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** How a server is asked to end. */
export type StopSignal = 'INT' | 'TERM' | 'KILL';

/** A server to be started, and how it is to be ended. */
interface GuardedProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The server's whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Another user than ours; only root may ask for it. */
  readonly user?: SystemUser | undefined;
  /** Takes everything the server prints; nothing of it reaches our own output. */
  readonly logFile: string;
  /** Written by the guard, with the server's process id. */
  readonly pidFile: string;
  /** The signal for an orderly end. SIGKILL follows when 15 seconds have not been enough. */
  readonly stopSignal: StopSignal;
}

/** A server that lives as long as this process, at most. */
export interface GuardedProcess {
  /** The exit code once the server has ended, for whatever reason. */
  readonly exited: Promise<number>;
  readonly hasExited: () => boolean;
  readonly stopSignal: StopSignal;
  /** Who the server is; `undefined` before it has started and after it has ended. */
  readonly identify: () => ProcessIdentity | undefined;
  /** Ends the server in order and waits for that. May be called twice. */
  readonly stop: () => Promise<void>;
}

/** Starts a server that ends with this process, however this process ends. */
export function startGuarded(options: GuardedProcessOptions): GuardedProcess {
  const log = openSync(options.logFile, 'a');
  const guard = spawn(
    'sh',
    ['-c', GUARD, 'guard', options.stopSignal, options.pidFile, options.command, ...options.args],
    {
      detached: true,
      stdio: ['pipe', log, log],
      env: options.env,
      ...(options.user && { uid: options.user.uid, gid: options.user.gid }),
    },
  );
  closeSync(log);
  return handleOf(guard, options);
}

function handleOf(guard: ChildProcess, { pidFile, stopSignal }: GuardedProcessOptions): GuardedProcess {
  let ended = false;
  const exited = new Promise<number>((resolve, reject) => {
    guard.once('error', reject);
    guard.once('exit', (code) => {
      ended = true;
      resolve(code ?? -1);
    });
  });
  exited.catch(() => (ended = true)); // heard by whoever awaits `exited`; alone it must not end this process
  return {
    exited,
    hasExited: () => ended,
    stopSignal,
    identify: () => (ended ? undefined : identifyProcess(Number(readFileSync(pidFile, 'utf8')))),
    stop: async () => {
      guard.stdin?.end();
      await exited;
    },
  };
}

/** The end of a server's log, for an error message. */
export function tailOf(logFile: string, lines = 12): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}
