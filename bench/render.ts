import { readFile, writeFile } from 'node:fs/promises';
import { type MemoryResult, toMemoryMarkdown } from './backlog/memory.js';
import { type PlansResult, toPlansMarkdown } from './backlog/plans.js';
import { toDownloadMarkdown } from './download/report.js';
import type { DownloadResult } from './download/result.js';
import { toUploadPlot } from './plot.js';
import { toUploadMarkdown } from './upload/report.js';
import type { UploadResult } from './upload/result.js';

type Result = UploadResult | DownloadResult | MemoryResult | PlansResult;

/** Prints the tables of results that were written with `--json`. */
export async function render(files: readonly string[]): Promise<boolean> {
  for (const file of files) console.log(toMarkdown(await readResult(file)));
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
    case 'memory':
      return toMemoryMarkdown(result);
    case 'plans':
      return toPlansMarkdown(result);
  }
}
