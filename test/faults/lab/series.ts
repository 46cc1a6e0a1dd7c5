import type { Tell } from '../../../src/dev/stack/process/tell.js';
import { type Lab, openLab } from './lab.js';
import { type PlanOptions, planRuns, type RunPlan } from './plan.js';
import { createChance } from './random.js';
import { rehearse } from './rehearsal.js';
import { runOnce, type RunResult } from './run.js';
import type { ServerChoice } from './servers.js';

/** What a series of runs is asked for. */
export interface SeriesOptions extends Omit<PlanOptions, 'points'> {
  readonly seed: number;
  /** This run alone of the series; null: all. */
  readonly run: number | null;
  /** Absent: that of the tests. */
  readonly server?: ServerChoice;
  readonly tell: Tell;
  /** Hears of each run that has ended. */
  readonly onRun: (done: number, of: number) => void;
}

/** A run that was made. */
export interface MadeRun {
  readonly plan: RunPlan;
  readonly result: RunResult;
}

/** All runs of a series. */
export interface Series {
  readonly made: readonly MadeRun[];
  /** How many statements and places of the protocol the rehearsal has met. */
  readonly statements: number;
  readonly places: number;
  /** False: the lab's own proxy stood in for Toxiproxy. */
  readonly hasToxiproxy: boolean;
  readonly durationMs: number;
}

/** Opens a lab, rehearses once without a fault to learn the protocol's boundaries, and makes the runs one after another. */
export async function runSeries(options: SeriesOptions): Promise<Series> {
  const startedAt = performance.now();
  const lab = await openLab(options.tell, options.server);
  try {
    const points = await rehearse(lab);
    const plans = planRuns({ ...options, points, pooled: waysOf(lab, options) }, createChance(options.seed));
    const chosen = plans.filter(({ number }) => options.run === null || number === options.run);
    const made: MadeRun[] = [];
    for (const plan of chosen) {
      made.push({ plan, result: await runOnce(lab, plan) });
      options.onRun(made.length, chosen.length);
    }
    const statements = new Set(points.map(({ side, statement }) => `${side} ${statement}`)).size;
    const durationMs = performance.now() - startedAt;
    return { made, statements, places: points.length, hasToxiproxy: lab.toxic !== undefined, durationMs };
  } finally {
    await lab.close();
  }
}

function waysOf(lab: Lab, { pooled }: SeriesOptions): SeriesOptions['pooled'] {
  return lab.pooler === undefined ? 'none' : pooled;
}
