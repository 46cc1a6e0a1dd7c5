/** Facts of a log line: names and counts. Of a row's values only those that a download has changed, and none that is secret. */
export type LogFacts = Readonly<Record<string, unknown>>;

/** The log that engines write to. The worker adds the site, the workflow and the activity. */
export interface Log {
  debug(message: string, facts?: LogFacts): void;
  info(message: string, facts?: LogFacts): void;
  warn(message: string, facts?: LogFacts): void;
  error(message: string, facts?: LogFacts): void;
}

/** One attempt at an activity, as an engine sees it: engines know PostgreSQL, and nothing of Temporal. */
export interface Attempt {
  /** Aborts when the attempt was given up: cut what runs, roll back, throw. */
  readonly signal: AbortSignal;
  /**
   * Has aborted when the worker or the workflow wants an early end: finish the batch under way and answer with what was
   * done. It is asked between batches; listeners of many attempts on the one signal of the worker would pile up.
   */
  readonly earlyEnd: Pick<AbortSignal, 'aborted'>;
  /** Tells Temporal how far the attempt has come. */
  heartbeat(progress: LogFacts): void;
  readonly log: Log;
}
