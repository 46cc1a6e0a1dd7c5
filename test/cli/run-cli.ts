import { spawn } from 'node:child_process';
import { COMMAND_LINE } from '../support/program.js';

/** What a run of the command line left behind. */
export interface CliRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
  /** Standard output as the one JSON document that it must be. */
  readonly json: () => unknown;
}

/** Runs the command line as a process of its own that knows nothing but these settings. */
export async function runCli(args: readonly string[], settings: Record<string, string> = {}): Promise<CliRun> {
  const startedAt = Date.now();
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [COMMAND_LINE, ...args], {
    env: { PATH, HOME, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const json = (): unknown => {
    if (!/^[^\n]+\n$/.test(stdout)) throw new Error(`standard output is not one line: ${stdout}`);
    return JSON.parse(stdout);
  };
  return { exitCode, stdout, stderr, tookMs: Date.now() - startedAt, json };
}
