import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Measure } from './contestant.js';
import { serverCpuSeconds } from './process-cpu.js';
import type { Servers } from './servers.js';

/** Which contestant a measured process is to be, and where it works. */
export interface Job {
  readonly discipline: 'upload' | 'download';
  readonly contestant: string;
  readonly site: unknown;
}

/** What the process is told, and what it answers. */
export type Order = { readonly open: Job } | 'run' | 'close';
export type Answer =
  | { readonly ok: true; readonly seconds: number; readonly cpuSeconds: number; readonly peakRssBytes: number }
  | { readonly ok: false; readonly problem: string };

/** A contestant in a process of its own, connected and waiting. */
export interface MeasuredProcess {
  readonly pid: number;
  /**
   * Lets it do its work once.
   * @throws Error it failed; the message says who and why
   */
  readonly run: () => Promise<Measure>;
  readonly close: () => Promise<void>;
}

/**
 * Starts a contestant and lets it prepare itself.
 * @throws Error it could not
 */
export async function openMeasured(servers: Servers, job: Job): Promise<MeasuredProcess> {
  const child = fork(fileURLToPath(new URL('./measured-child.ts', import.meta.url)), { stdio: [0, 2, 2, 'ipc'] });
  const ask = (order: Order): Promise<Answer & { ok: true }> => askChild(child, job.contestant, order);
  const cpu = (): [number, number] => [serverCpuSeconds(servers.local.pid), serverCpuSeconds(servers.remote.pid)];
  await ask({ open: job });
  return {
    pid: child.pid ?? 0,
    run: async () => {
      const before = cpu();
      const { seconds, cpuSeconds, peakRssBytes } = await ask('run');
      const after = cpu();
      return {
        seconds,
        clientCpuSeconds: cpuSeconds,
        localCpuSeconds: after[0] - before[0],
        remoteCpuSeconds: after[1] - before[1],
        peakRssBytes,
      };
    },
    close: async () => {
      const ended = child.exitCode === null ? once(child, 'exit') : null;
      await ask('close');
      child.disconnect();
      await ended;
    },
  };
}

async function askChild(child: ChildProcess, name: string, order: Order): Promise<Answer & { ok: true }> {
  const ended = new AbortController();
  const died = once(child, 'exit', { signal: ended.signal }).then(([code, signal]: unknown[]): Answer => ({
    ok: false,
    problem: `ended with ${String(code ?? signal)}`,
  }));
  died.catch(() => undefined); // it lived on: the watch is over
  child.send(order);
  const answered = once(child, 'message', { signal: ended.signal }).then(([message]) => message as Answer);
  answered.catch(() => undefined); // it died: the line above has the answer
  const answer = await Promise.race([answered, died]);
  ended.abort();
  if (answer.ok) return answer;
  child.kill();
  throw new Error(`${name}: ${answer.problem}`);
}
