import { beforeAll, describe, expect, it } from 'vitest';
import { missingPooler } from './lab/pgbouncer.js';
import { describeFindings, describeSeries, describeUntried, totalsOf } from './lab/report.js';
import { runSeries, type Series } from './lab/series.js';

/** A few short runs of `npm run lab`, always the same ones: every third through PgBouncer, where there is one. */
const SERIES = {
  seed: 22,
  runs: 25,
  only: null,
  run: null,
  pooled: 'third',
  faultsInARun: 2,
  maxMoreReadings: 200,
} as const;
const TIMEOUT_MS = 240_000;
const NO_POOLER = missingPooler();

const tell = (line: string): void => void process.stderr.write(`${line}\n`);

describe('whatever fails at whichever statement', () => {
  let series: Series;
  beforeAll(async () => {
    series = await runSeries({ ...SERIES, tell, onRun: () => undefined });
    describeSeries(series).forEach(tell);
  }, TIMEOUT_MS);

  const findings = (isPooled: boolean): string[] =>
    series.made.filter(({ plan }) => plan.isPooled === isPooled).flatMap((made) => describeFindings(made, SERIES.seed));

  it('no reading is lost, doubled or changed, and the custody chain is whole', () => {
    expect(findings(false)).toEqual([]);
    expect(describeUntried(series)).toEqual([]);
  });

  it.skipIf(NO_POOLER !== null)(
    `the same holds through PgBouncer in transaction mode${NO_POOLER === null ? '' : ` (skipped: ${NO_POOLER})`}`,
    () => {
      expect(findings(true)).toEqual([]);
      expect(totalsOf(series).runsThroughPooler).toBeGreaterThan(0);
    },
  );
});
