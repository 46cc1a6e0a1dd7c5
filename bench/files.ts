import { writeFile } from 'node:fs/promises';
import { type Result, targetsOf, toTargetLines } from './targets.js';

/** Where a result goes besides standard output. */
export interface ResultFiles {
  readonly jsonFile: string | null;
  readonly markdownFile: string | null;
}

/**
 * Prints the Markdown of a result with its targets, and writes the files that were asked for.
 * @returns whether all targets are met
 */
export async function publish(
  result: Result,
  table: string,
  { jsonFile, markdownFile }: ResultFiles,
): Promise<boolean> {
  const markdown = [table, ...toTargetLines(result), ''].join('\n');
  if (jsonFile !== null) await writeFile(jsonFile, `${JSON.stringify(result, null, 2)}\n`);
  if (markdownFile !== null) await writeFile(markdownFile, markdown);
  console.log(markdown);
  return targetsOf(result).every(({ isMet }) => isMet);
}
