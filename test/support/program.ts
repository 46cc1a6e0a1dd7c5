import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The command line as it is built and shipped: a process of it starts in half the time that the sources take. */
export const COMMAND_LINE = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

/** The workflows as the build has made them: one file. */
export const WORKFLOW_BUNDLE = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));

/** Builds the program that the tests start as processes of their own, from the sources as they are now. */
export async function buildProgram(): Promise<void> {
  await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: ROOT }).catch((error: unknown) => {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`the program could not be built:\n${stdout}${stderr}`, { cause: error });
  });
}
