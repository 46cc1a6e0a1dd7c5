import { expect, it } from 'vitest';
import { missingPooler } from './lab/pgbouncer.js';
import { describeFindings, totalsOf } from './lab/report.js';
import { runSeries, type SeriesOptions } from './lab/series.js';

/** A few runs of `npm run lab`, always the same ones. */
const SEED = 20_261_122;
const TIMEOUT_MS = 180_000;
const NO_POOLER = missingPooler();

const tell = (line: string): void => void process.stderr.write(`${line}\n`);

async function findAnything(options: Pick<SeriesOptions, 'runs' | 'pooled'>): Promise<void> {
  const series = await runSeries({ seed: SEED, only: null, run: null, tell, onRun: () => undefined, ...options });
  expect(series.made.flatMap((made) => describeFindings(made, SEED))).toEqual([]);
  const totals = totalsOf(series);
  expect(totals).toMatchObject({ runs: options.runs, lost: 0, doubled: 0, changed: 0, other: 0 });
  expect(totals.faults).toBeGreaterThan(options.runs);
}

it('whatever fails at whichever statement, no reading is lost, doubled or changed', { timeout: TIMEOUT_MS }, () =>
  findAnything({ runs: 15, pooled: 'none' }),
);

it.skipIf(NO_POOLER !== null)(
  `nor through PgBouncer in transaction mode${NO_POOLER === null ? '' : ` (skipped: ${NO_POOLER})`}`,
  { timeout: TIMEOUT_MS },
  () => findAnything({ runs: 10, pooled: 'all' }),
);
