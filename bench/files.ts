import { writeFile } from 'node:fs/promises';

/** Where a result goes besides standard output. */
export interface ResultFiles {
  readonly jsonFile: string | null;
  readonly markdownFile: string | null;
}

/** Prints the Markdown of a result, and writes the files that were asked for. */
export async function publish(
  result: object,
  markdown: string,
  { jsonFile, markdownFile }: ResultFiles,
): Promise<void> {
  if (jsonFile !== null) await writeFile(jsonFile, `${JSON.stringify(result, null, 2)}\n`);
  if (markdownFile !== null) await writeFile(markdownFile, markdown);
  console.log(markdown);
}
