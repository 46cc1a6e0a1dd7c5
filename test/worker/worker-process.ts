import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { COMMAND_LINE } from '../support/program.js';
import { until } from '../support/wait.js';

/** A line of a worker's log, as a log store would take it. */
type LogLine = Readonly<Record<string, unknown>> & { readonly message: string; readonly level: string };

/** A worker in a process of its own. Killed when the test ends, should it still run. */
export interface WorkerProcess {
  readonly lines: readonly LogLine[];
  /** Everything that was printed, on both outputs. */
  printed(): string;
  /** Waits for a line with this message. */
  line(message: string): Promise<LogLine>;
  signal(signal: NodeJS.Signals): void;
  /** The exit code; null when a signal ended the process. */
  exited(): Promise<number | null>;
}

/** Starts a worker with these settings and nothing else of ours from the environment. */
export function spawnWorker(settings: Readonly<Record<string, string>>): WorkerProcess {
  const child = spawn(process.execPath, [COMMAND_LINE, 'worker'], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exit = once(child, 'close') as Promise<[number | null]>;
  const { lines, printed } = collect(child);
  return {
    lines,
    printed,
    line: (message) => {
      const find = (): LogLine | undefined => lines.find((line) => line.message === message);
      const found = until(find, { what: `the line '${message}' in the log of the worker` });
      found.catch(() => undefined); // when the process has ended, that is what is told
      return Promise.race([found, exit.then(() => find() ?? tooLate(message, printed()))]);
    },
    signal: (signal) => void child.kill(signal),
    exited: async () => (await exit)[0],
  };
}

function collect(child: ChildProcess): { lines: LogLine[]; printed: () => string } {
  const lines: LogLine[] = [];
  const raw: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      raw.push(line);
      if (line.startsWith('{')) lines.push(JSON.parse(line) as LogLine);
    });
  }
  return { lines, printed: () => raw.join('\n') };
}

function tooLate(message: string, printed: string): never {
  throw new Error(`the worker ended before it logged '${message}'; it printed:\n${printed}`);
}
