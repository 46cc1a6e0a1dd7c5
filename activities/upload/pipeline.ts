import type { Overlap } from './plan/overlap.js';

/** The stages of one batch: where it tells how far it has come, and where it waits for the batch before it. */
export interface Stages<Taken, Done> {
  /** Tells what the batch takes: then the next one may begin above it. */
  taken(what: Taken): void;
  /** Settles when the batch may stream: when the one before has come as far as the overlap asks. */
  mayStream(): Promise<void>;
  /** Tells that the site has sent the last reading. */
  sent(): void;
  /** Tells that the remote has taken the last reading. */
  arrived(): void;
  /** Settles when the batch may be recorded: with the batch before, which is done at both ends; null: it is the first one. */
  mayRecord(): Promise<Done | null>;
}

/**
 * Batches that overlap: while one commits and removes, the next one streams, so that neither server waits for the other.
 *
 * 1. No more than `maxInFlight` are under way.
 * 2. A batch begins when the one before has told what it takes, and so where the next one starts. One that has found nothing is
 *    passed over: the next follows the one before it.
 * 3. It streams once the one before is `sent`, has `arrived` or is `done`, as the overlap of the remote's table allows.
 * 4. It is recorded once the one before is done at both ends, the site's own commit included. So the remote is never more
 *    than one record ahead of the site.
 * 5. When a batch fails, the ones after it fail with its error wherever they wait for it, and so roll back.
 * 6. Of several failures the one of the earliest batch is thrown: it is the cause.
 * 7. Nothing waits for ever: whoever waits for a stage of a batch goes on, at the latest, when that batch has ended.
 */
export class Pipeline<Taken, Done> {
  readonly #maxInFlight: number;
  readonly #overlap: Overlap;
  /** Batches that nobody has seen the end of, the earliest first. */
  readonly #inFlight: Promise<unknown>[] = [];
  /** The batch that began last: each settles when it has come so far, or has ended. */
  #newest: (Record<Overlap, Promise<unknown>> & { readonly done: Promise<Done | null> }) | null = null;

  constructor(maxInFlight: number, overlap: Overlap) {
    this.#maxInFlight = maxInFlight;
    this.#overlap = overlap;
  }

  /** Settles when there is room for one more batch. @throws what the earliest batch has thrown */
  async room(): Promise<void> {
    while (this.#inFlight.length >= this.#maxInFlight) {
      await this.#inFlight[0];
      void this.#inFlight.shift(); // it is done
    }
  }

  /**
   * Starts a batch; to be called when there is room.
   * @param onDone told when it is done, and how long it took since it might stream
   * @returns what it takes, as soon as it is known; null: it has found nothing to take
   * @throws what the batch throws before it has told what it takes
   */
  start(
    run: (stages: Stages<Taken, Done>) => Promise<Done | null>,
    onDone: (done: Done, durationMs: number) => void,
  ): Promise<Taken | null> {
    const before = this.#newest;
    const [taken, sent, arrived] = [handOver<Taken>(), handOver<void>(), handOver<void>()];
    let startedAt = performance.now();
    let streams: Promise<void> | undefined;
    const mayStream = async (): Promise<void> => {
      await before?.[this.#overlap];
      startedAt = performance.now();
    };
    const done = run({
      taken: taken.give,
      mayStream: () => (streams ??= mayStream()), // a second try of the same batch has waited already
      sent: sent.give,
      arrived: arrived.give,
      mayRecord: () => before?.done ?? Promise.resolve(null),
    });
    const reached = { sent: Promise.race([sent.given, done]), arrived: Promise.race([arrived.given, done]), done };
    const counted = done.then((result) => {
      if (result !== null) onDone(result, Math.round(performance.now() - startedAt));
    });
    for (const promise of [...Object.values(reached), counted]) promise.catch(ignore);
    this.#newest = reached;
    this.#inFlight.push(counted);
    const took = Promise.race([taken.given, done.then(() => null)]);
    return took.then((what) => {
      if (what === null) this.#newest = before; // the next batch follows the one that has taken something
      return what;
    });
  }

  /** Settles when no batch is under way. @throws what the earliest of those that failed has thrown */
  async end(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    for (const counted of this.#inFlight) await counted;
  }
}

/** What one batch hands to the next: a promise, and what settles it. */
function handOver<Value>(): { readonly given: Promise<Value>; readonly give: (value: Value) => void } {
  let give: (value: Value) => void = ignore;
  const given = new Promise<Value>((resolve) => {
    give = resolve;
  });
  return { given, give };
}

/** A batch that fails while nobody waits for it yet is met by the batch after it, or at the end. */
function ignore(): void {}
