import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What docs/verify_custody.py imports. */
const PACKAGES = ['psycopg[binary]', 'cryptography'];
const CAN_VERIFY = ['-c', 'import psycopg, cryptography'];
const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'meter-sync');

/**
 * A Python that has the two packages of the auditors' verifier: the system's, or one in the cache folder, where they are
 * installed once.
 * @throws Error that says what to install, when there is none
 */
export async function findPython(): Promise<string> {
  const cached = join(CACHE, 'python', 'bin', 'python');
  for (const python of ['/usr/bin/python3', 'python3', cached]) if (await can(python)) return python;
  mkdirSync(CACHE, { recursive: true });
  try {
    await run('python3', ['-m', 'venv', '--clear', join(CACHE, 'python')]);
    await run(cached, ['-m', 'pip', 'install', '--quiet', ...PACKAGES]);
  } catch (error) {
    const wanted = `Python 3 with psycopg and cryptography is wanted. On Debian: apt install python3-psycopg python3-cryptography`;
    throw new Error(wanted, { cause: error });
  }
  return cached;
}

async function can(python: string): Promise<boolean> {
  return run(python, CAN_VERIFY).then(
    () => true,
    () => false,
  );
}
