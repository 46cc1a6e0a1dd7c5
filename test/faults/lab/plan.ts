import { FAULT_KINDS, type Fault, type FaultKind, type Point } from './faults.js';
import { type Flavour, flavourOf, toStatement } from './flavour.js';
import type { Chance } from './random.js';
import { createDeck } from './random.js';

/** Everything about a run that chance decides, and the seed decides chance. */
export interface RunPlan {
  readonly number: number;
  /** Of the writers. */
  readonly seed: number;
  readonly isPooled: boolean;
  readonly readings: number;
  readonly batchRows: number;
  readonly hasBadReadings: boolean;
  /** The unknown meter becomes known before the end. */
  readonly heals: boolean;
  readonly faults: readonly Fault[];
  readonly flavour: Flavour;
}

/** What the plans are made from. */
export interface PlanOptions {
  readonly runs: number;
  /** The places of the protocol, as a rehearsal met them. */
  readonly points: readonly Point[];
  /** Only faults of this kind; null: all. */
  readonly only: FaultKind | null;
  /** Which runs go through PgBouncer. */
  readonly pooled: 'all' | 'third' | 'none';
  readonly faultsInARun: number;
  /** A run begins with 200 readings and up to so many more. */
  readonly maxMoreReadings: number;
}

/** How often each kind comes. A hard stop takes longest, and spoils both ends of every connection. */
const WEIGHTS: Readonly<Record<FaultKind, number>> = {
  kill: 4,
  backend: 4,
  socket: 4,
  toxiproxy: 4,
  server: 2,
  zombie: 2,
  pooler: 2,
};

const FEWEST_READINGS = 200;
const EVERY_THIRD = 3;
/** How often a statement passes before the fault: mostly never, since each time costs a batch or an attempt. */
const SKIPS = [0, 0, 0, 1, 2];

/** Deals kinds and places to the runs, all places before one comes again. */
export function planRuns(options: PlanOptions, chance: Chance): RunPlan[] {
  const { runs, points, only, pooled, faultsInARun } = options;
  const usual = FAULT_KINDS.filter((kind) => kind !== 'pooler');
  const dealUsual = createDeck(weigh(only === null ? usual : [only]), chance);
  const dealPooled = createDeck(weigh(only === null ? FAULT_KINDS : [only]), chance);
  const dealPoint = createDeck(points, chance);
  const dealRemote = createDeck(
    points.filter(({ side }) => side === 'remote'),
    chance,
  );
  return Array.from({ length: runs }, (_, number) => {
    const isPooled = pooled === 'all' || (pooled === 'third' && number % EVERY_THIRD === 1);
    const flavour = flavourOf(number);
    const faults = Array.from({ length: faultsInARun }, (): Fault => {
      const kind = isPooled ? dealPooled() : dealUsual();
      const point = kind === 'pooler' ? dealRemote() : dealPoint();
      const bytes = chance.int(chance.pick([300, 3_000, 30_000]));
      const statement = toStatement(point.statement, flavour);
      return { ...point, statement, kind, skip: chance.pick(SKIPS), bytes, variant: chance.int(10_000) };
    });
    return {
      ...{
        number,
        isPooled,
        faults,
        flavour,
        seed: chance.int(2 ** 32),
        heals: chance.int(3) === 0,
      },
      readings: FEWEST_READINGS + chance.int(options.maxMoreReadings),
      batchRows: 60 + chance.int(240),
      hasBadReadings: chance.int(2) === 0,
    };
  });
}

function weigh(kinds: readonly FaultKind[]): FaultKind[] {
  return kinds.flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind));
}
