import type { Attempted, WorkOrder } from './worker-messages.js';
import type { LabWorker, Workers } from './workers.js';

/** The workers of one run: the one that is at work now, and what all of them have told. */
export interface Crew {
  readonly worker: LabWorker;
  /** Sends a new worker to work. The one before is not asked: it was killed, or is a zombie. */
  readonly hire: () => Promise<void>;
  /** Settles when the worker at work has ended an attempt, or when that takes too long to wait for. */
  readonly nextAttempt: () => Promise<unknown>;
  /** Settles with true when the worker at work has done a batch or an attempt that went well. */
  readonly nextSuccess: (withinMs: number) => Promise<boolean>;
  /** Settles when the worker has nothing left to do. */
  readonly drained: () => Promise<boolean>;
  /** Failures that no fault explains. */
  readonly strange: readonly string[];
  readonly lastFailure: () => string | null;
}

/** What any fault may bring. Everything else (fenced, schema, data) means that the engine has gone astray. */
const EXPECTED_KINDS = new Set(['unreachable', 'busy']);
const PATIENCE_MS = 1_000;
const DRAINED_WITHIN_MS = 60_000;

/** Sends a first worker to work. */
export async function openCrew(workers: Workers, order: WorkOrder): Promise<Crew> {
  const strange: string[] = [];
  let worker = await workers.take();
  let lastFailure: string | null = null;
  let onAttempt: (attempted: Attempted) => void = () => undefined;
  let onSuccess: () => void = () => undefined;
  let onDrained: () => void = () => undefined;
  const begin = (): void => {
    const self = worker;
    self.onCrash = (what) => void strange.push(what);
    self.onDrained = () => self === worker && onDrained();
    self.onAttempt = (attempted) => {
      const { failure } = attempted;
      if (failure !== null) lastFailure = `${failure.kind}: ${failure.message}`;
      if (failure !== null && !EXPECTED_KINDS.has(failure.kind)) strange.push(`${lastFailure} (${failure.sqlstate})`);
      if (self !== worker) return;
      onAttempt(attempted);
      if (failure === null) onSuccess();
    };
    self.onBatch = () => self === worker && onSuccess();
    self.work(order);
  };
  begin();
  const within = <Value>(ms: number, wait: (done: (value: Value) => void) => void): Promise<Value | undefined> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), ms);
      wait((value) => {
        clearTimeout(timer);
        resolve(value);
      });
    });
  return {
    get worker() {
      return worker;
    },
    strange,
    lastFailure: () => lastFailure,
    hire: async () => {
      worker = await workers.take();
      begin();
    },
    nextAttempt: () => within(PATIENCE_MS, (done) => (onAttempt = done)),
    nextSuccess: async (withinMs) => (await within<true>(withinMs, (done) => (onSuccess = () => done(true)))) === true,
    drained: async () => {
      const isDrained = await within<true>(DRAINED_WITHIN_MS, (done) => {
        onDrained = () => done(true);
        worker.finish();
      });
      if (isDrained) workers.giveBack(worker);
      else await worker.kill();
      return isDrained === true;
    },
  };
}
