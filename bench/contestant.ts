/** One way to do the work that is compared. It runs in a process of its own, so that its memory and CPU are its own. */
export interface Contestant<Site> {
  readonly name: string;
  /** One line for the report: what it does, and what it leaves undone. */
  readonly note: string;
  /** True when sending the same twice, as after a crash, changes nothing. */
  readonly isRepeatSafe: boolean;
  /** True when `psql` or the servers do the work: then the memory of our own process says nothing. */
  readonly usesOtherPrograms?: boolean;
  /** Connects and prepares what would be there in real life before the work begins. Off the clock. */
  readonly open: (site: Site) => Promise<Opened>;
}

/** A contestant that is ready to go. */
export interface Opened {
  /** The work that is timed. */
  readonly run: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What a run cost. */
export interface Measure {
  readonly seconds: number;
  /** CPU of the contestant's own process and of the programs that it started. */
  readonly clientCpuSeconds: number;
  readonly localCpuSeconds: number;
  readonly remoteCpuSeconds: number;
  /** Largest memory of the contestant's own process so far; programs that it started are not in it. */
  readonly peakRssBytes: number;
}
