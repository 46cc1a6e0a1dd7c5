import type { Context } from './command.js';
import { UsageError } from './command.js';
import { createOutput, type Output } from './output.js';
import { printFailedProbe } from './probe/failed-probe.js';
import { type Chosen, parseCommandLine } from './program.js';
import { printError } from './report-error.js';
import { readVersion } from './version.js';

/**
 * One run of the command line.
 * @returns the exit code: 0 fine, 1 not fine, 2 bad usage or settings
 */
export async function runCommandLine(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  output: Output = createOutput({ isJson: args.includes('--json') }),
): Promise<number> {
  let siteId = env['METER_SYNC_SITE'];
  const isDebug = args.includes('--debug') || (env['METER_SYNC_DEBUG'] ?? '') !== '';
  try {
    const parsed = parseCommandLine(args, readVersion());
    if (parsed.is === 'wrong') throw new UsageError(parsed.message, parsed.next);
    if (parsed.is === 'command') {
      siteId = parsed.chosen.settings['METER_SYNC_SITE'] ?? siteId;
      return await runCommand(parsed.chosen, env, output);
    }
    process.stdout.write(`${parsed.text}\n`);
    return 0;
  } catch (error) {
    if (args.includes('--probe')) return printFailedProbe(output, error, siteId ?? 'default');
    return printError(output, error, { isDebug, siteId });
  }
}

async function runCommand(
  { spec, settings, options }: Chosen,
  env: NodeJS.ProcessEnv,
  output: Output,
): Promise<number> {
  const deferred: (() => Promise<void>)[] = [];
  const context: Context = { sources: { options: settings, env }, output, defer: (work) => deferred.unshift(work) };
  try {
    const answer = await spec.run(context, options as never);
    if (!output.isJson) output.text(answer.text);
    else if (answer.document !== null) output.document(answer.document);
    return answer.exitCode ?? 0;
  } finally {
    for (const work of deferred) await work();
  }
}
