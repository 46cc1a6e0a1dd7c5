import { expect, test } from 'vitest';
import { listFailures } from './failures.js';
import { readMatrix, toRows, writeMatrix } from './matrix-table.js';
import { type Measured, suffer } from './suffer.js';
import { openSurfaces } from './surfaces.js';
import { openWatchedSites } from './watched-sites.js';
import { sufferAtWorker, WORKER_FAILURES } from './worker-failures.js';

/** More at the same time would be slow for want of processors, and tell nothing of the product. */
const LANES = 5;

test('every surface tells each failure, in time and alike, and that it is over', async (context) => {
  const failures = listFailures();
  const fleet = await openWatchedSites(
    context,
    failures.map(({ name }) => name),
  );
  const alone = await openWatchedSites(context, ['worker']);
  const surfaces = openSurfaces(fleet);
  await Promise.all([fleet, alone].map(({ worker }) => worker.line('worker started')));
  const waiting = failures.flatMap((failure, at) => fleet.sites.slice(at, at + 1).map((site) => ({ failure, site })));
  const measured: Measured[] = [];
  const wrong: string[] = [];
  const runLane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { failure, site } = next;
      await suffer(failure, site, surfaces).then(
        (one) => measured.push(one),
        (error: Error) => wrong.push(`${failure.name}: ${error.message}`),
      );
    }
  };
  const atWorker = sufferAtWorker(alone, openSurfaces(alone)).then(
    (all) => measured.push(...all),
    (error: Error) => wrong.push(`worker: ${error.message}`),
  );
  await Promise.all([atWorker, ...Array.from({ length: LANES }, runLane)]);
  expect(wrong).toEqual([]);
  if (process.env['METER_SYNC_WRITE_MATRIX'] === '1') writeMatrix([...failures, ...WORKER_FAILURES], measured);
  expect(readMatrix()).toEqual(toRows([...failures, ...WORKER_FAILURES]));
}, 240_000);
