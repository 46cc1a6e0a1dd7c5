import { readFile, writeFile } from 'node:fs/promises';
import { toMemoryMarkdown } from './backlog/memory.js';
import { toPlansMarkdown } from './backlog/plans.js';
import { toCyclesMarkdown } from './cycles/run.js';
import { toCustodyMarkdown } from './custody/custody.js';
import { toDownloadMarkdown } from './download/report.js';
import { toUploadPlot } from './plot.js';
import { type Result, toTargetLines } from './targets.js';
import { toUploadMarkdown } from './upload/report.js';

/** Prints the tables of results that were written with `--json`. */
export async function render(files: readonly string[]): Promise<boolean> {
  for (const file of files) {
    const result = await readResult(file);
    console.log([toMarkdown(result), ...toTargetLines(result), ''].join('\n'));
  }
  return true;
}

/** Draws results of uploads into one SVG file. */
export async function plot(files: readonly string[], svgFile: string): Promise<boolean> {
  const results = await Promise.all(files.map(readResult));
  await writeFile(svgFile, toUploadPlot(results.filter((result) => result.discipline === 'upload')));
  return true;
}

async function readResult(file: string): Promise<Result> {
  return JSON.parse(await readFile(file, 'utf8')) as Result;
}

function toMarkdown(result: Result): string {
  switch (result.discipline) {
    case 'upload':
      return toUploadMarkdown(result);
    case 'download':
      return toDownloadMarkdown(result);
    case 'custody':
      return toCustodyMarkdown(result);
    case 'memory':
      return toMemoryMarkdown(result);
    case 'idle':
      return toCyclesMarkdown(result);
    case 'plans':
      return toPlansMarkdown(result);
  }
}
