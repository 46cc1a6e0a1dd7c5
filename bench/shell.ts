import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs a line of `bash`, with `pipefail`: without it a pipe that was cut passes for a whole one.
 * @throws Error it did not end with 0
 */
export async function shell(command: string, env: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn('bash', ['-o', 'pipefail', '-c', command], { env: { ...process.env, ...env }, stdio: [0, 2, 2] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the command ended with ${String(code)}: ${command}`);
}
