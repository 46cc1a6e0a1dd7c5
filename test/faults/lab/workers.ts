import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Attempted, FromWorker, WorkOrder } from './worker-messages.js';

/** One worker process. */
export interface LabWorker {
  readonly pid: number;
  readonly work: (order: WorkOrder) => void;
  readonly finish: () => void;
  readonly signal: (name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') => void;
  /** kill -9, and waits until it is gone. */
  readonly kill: () => Promise<void>;
  onAttempt: (attempted: Attempted) => void;
  /** A batch is done at both ends. */
  onBatch: () => void;
  onDrained: () => void;
  /** It ended, and nobody had killed it. */
  onCrash: (what: string) => void;
}

/** Worker processes; some are always started ahead, so that a kill costs no wait for the next one. */
export interface Workers {
  readonly take: () => Promise<LabWorker>;
  /** Takes back a worker that has drained its queue. */
  readonly giveBack: (worker: LabWorker) => void;
  readonly close: () => Promise<void>;
}

const SPARES = 2;
const SCRIPT = fileURLToPath(new URL('drain-worker.ts', import.meta.url));

/** Starts the first worker. All of them end with this process. */
export function openWorkers(): Workers {
  const all = new Set<LabWorker>();
  const spare: Promise<LabWorker>[] = [];
  const refill = (): void => {
    while (spare.length < SPARES) {
      const starting = startWorker(() => undefined);
      starting.catch(() => undefined); // told to whoever takes it
      spare.push(starting);
    }
  };
  refill();
  return {
    take: async () => {
      const worker = await (spare.shift() ?? startWorker(() => undefined));
      all.add(worker);
      refill();
      return worker;
    },
    giveBack: (worker) => void spare.unshift(Promise.resolve(worker)),
    close: async () => {
      const started = await Promise.allSettled(spare);
      for (const worker of started) if (worker.status === 'fulfilled') all.add(worker.value);
      await Promise.all([...all].map((worker) => worker.kill()));
    },
  };
}

async function startWorker(ignore: () => void): Promise<LabWorker> {
  const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-2_000)));
  let isKilled = false;
  const worker: LabWorker = {
    pid: child.pid ?? 0,
    work: (order) => void child.send({ type: 'work', order }, ignore),
    finish: () => void child.send({ type: 'finish' }, ignore),
    signal: (name) => {
      isKilled ||= name === 'SIGKILL';
      child.kill(name);
    },
    kill: async () => {
      isKilled = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
    onAttempt: ignore,
    onBatch: ignore,
    onDrained: ignore,
    onCrash: ignore,
  };
  child.on('exit', (code) => isKilled || worker.onCrash(`the worker ended by itself with ${code}: ${said.trim()}`));
  listen(child, worker);
  await new Promise<void>((resolve, reject) => {
    child.on('message', ({ type }: FromWorker) => type === 'ready' && resolve());
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`the worker did not start: ${said}`)));
  });
  return worker;
}

function listen(child: ChildProcess, worker: LabWorker): void {
  child.on('message', (message: FromWorker) => {
    if (message.type === 'attempt') worker.onAttempt(message);
    else if (message.type === 'batch') worker.onBatch();
    else if (message.type === 'drained') worker.onDrained();
  });
}
