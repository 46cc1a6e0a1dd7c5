/**
 * How long a run of the workflow may become before it continues as new. Temporal suggests that itself from 4,096 events on, and
 * its suggestion must not be read, nor the length or size of the history: they come with the start of a workflow task, so a
 * query that is answered before that start shows the loop an older word than any replay will see (SDK 1.24). The loop would
 * call an activity where each replay wants a new run, and the site would be stuck for ever. So a run counts what its own
 * history holds.
 */
interface RunLength {
  readonly cyclesThisRun: number;
  /** What each costs a few events, 11 at most: activities that were called, timers that have ended, messages that were handled. */
  readonly turns: number;
}

/** An idle cycle costs about 23 events: some 1,400 of them, one run an hour at the usual interval. */
export const MAX_CYCLES_PER_RUN = 60;

/**
 * Just above what that many cycles need, so that it ends the runs that have no cycles: those of an open breaker that probes for
 * weeks, or of somebody who asks for the status again and again. Some 1,500 events, 2,750 at the very most.
 */
export const MAX_TURNS_PER_RUN = 250;

/** True when a run should continue as new. */
export function isFull({ cyclesThisRun, turns }: RunLength, maxCycles = MAX_CYCLES_PER_RUN): boolean {
  return cyclesThisRun >= maxCycles || turns >= MAX_TURNS_PER_RUN;
}
