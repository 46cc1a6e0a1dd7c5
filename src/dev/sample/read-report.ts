import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { readDemReport, readLines } from './dem-report.js';
import { type PivotedReport, pivotReport } from './pivot.js';

/** The report that is shipped with the package; SOURCE.md beside it says where it comes from. */
export const SHIPPED_REPORT = fileURLToPath(new URL('./DEM_Report_10-02-13.csv.gz', import.meta.url));

/** How much of a piece of work is done. */
export interface Progress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

/**
 * Reads a report's file whole.
 * @throws Error there is no such file, or it holds no point of a report: names it and says what is wanted
 */
export async function readReport(path: string, onProgress: (progress: Progress) => void): Promise<PivotedReport> {
  const total = await sizeOf(path);
  let done = 0;
  const lines = readLines(path, (bytes) => onProgress({ what: 'bytes read', done: (done += bytes), total }));
  const report = await pivotReport(readDemReport(lines));
  if (report.counts.points > 0) return report;
  throw new Error(
    `${path} is not a DEM report: it has no line 'Point Name:'; expected an export of the building's trend values ` +
      'as CSV, plain or gzip. Then run: meter-sync dev --readings FILE',
  );
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (!found.isDirectory()) return found.size;
  } catch (error) {
    throw new Error(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code}; expected a DEM report (CSV).`, {
      cause: error,
    });
  }
  throw new Error(`${path} is a folder; expected a DEM report (CSV).`);
}
