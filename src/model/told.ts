// What a site's workflow tells the worker that runs it: no message of Temporal's, so nothing of it stands in a history.

import type { CycleKind } from './state.js';
import type { StatusFacts } from './status-facts.js';

/** A cycle that has just ended. */
export interface EndedCycle {
  readonly siteId: string;
  readonly kind: CycleKind;
  readonly ok: boolean;
  readonly durationMs: number;
  /** Ticks that passed while it ran. */
  readonly skippedTicks: number;
}

/** The functions of the worker that a workflow can call, as Temporal's sinks; a replay calls none of them. */
export type WorkerEars = {
  readonly meterSync: {
    /** The status has changed, or may have. */
    status(facts: StatusFacts): void;
    cycleEnded(cycle: EndedCycle): void;
  };
};
