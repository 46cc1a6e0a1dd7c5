import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  type SearchAttributeUpdatePair,
} from '@temporalio/common';
import type { FailureKind } from '../../src/model/failures.js';

/*
 * The part of Temporal's SDK that the workflow uses, without a server: it hands events to the workflow as a history would and
 * notes every command. What `Date.now()` says is up to the test.
 */

/** What a history tells a workflow. `seq` is the place of a command among those that begin something. */
export type HistoryEvent =
  | { readonly type: 'timerFired'; readonly seq: number }
  | { readonly type: 'activityEnded'; readonly seq: number; readonly result: unknown }
  | { readonly type: 'activityEnded'; readonly seq: number; readonly kind: FailureKind; readonly details: unknown[] }
  | { readonly type: 'signal' | 'update'; readonly name: string; readonly argument?: unknown };

/** Something that the workflow waits for. */
export interface Pending {
  readonly seq: number;
  readonly kind: 'timer' | 'activity';
  readonly name: string;
  /** Of a timer. */
  readonly ms: number;
  /** Null: it was asked to end, and is waited for no longer. */
  readonly settle: (event: HistoryEvent | null) => void;
  /** True: it answers even when it was asked to end, see `end-operation.ts`. */
  readonly isWaitedFor?: boolean;
}

/** How a run begins. */
export interface RunStart {
  readonly input: unknown;
  readonly startedAt: number;
  readonly isContinued: boolean;
}

const TYPED_KEYS = ['MeterSyncSite', 'MeterSyncState', 'MeterSyncHealth', 'MeterSyncLag'];
const OLDEST = 'MeterSyncOldest';

/** One run of a workflow: what it has asked for so far, and how it goes on. */
export class SimulatedRun {
  /** Every command in its order; a replay must come to the same. */
  readonly commands: string[] = [];
  readonly pending = new Map<number, Pending>();
  /** What `Date.now()` says. */
  now: number;
  /** The input of the next run, once this one has continued as new. */
  next: unknown = undefined;
  /** How it has continued as new. */
  nextOptions: { readonly taskQueue?: string; readonly memo?: unknown } = {};
  memo: Readonly<Record<string, unknown>> | undefined = undefined;
  isOver = false;
  readonly handlers = new Map<string, (argument?: unknown) => unknown>();
  readonly conditions = new Set<{ readonly fn: () => boolean; readonly resolve: () => void }>();
  readonly attributes = new Map<string, unknown>(TYPED_KEYS.map((name) => [name, 'unknown']));
  readonly taskQueue = 'here';
  #seq = 0;

  constructor(readonly start: RunStart) {
    this.now = start.startedAt;
    this.attributes.set(OLDEST, new Date(start.startedAt));
  }

  /** Begins the run and lets it come as far as it can. */
  async begin(workflow: (input: never) => Promise<unknown>): Promise<void> {
    workflow(this.start.input as never).then(
      () => this.#end('complete'),
      (failure: unknown) => this.#end(failure === this.next ? 'continueAsNew' : `fail ${String(failure)}`),
    );
    await this.#settle();
  }

  /** Hands an event to the workflow, whose `Date.now()` is then `now`. */
  async feed(event: HistoryEvent, now: number): Promise<void> {
    this.now = now;
    if (!('seq' in event)) {
      const answer = this.handlers.get(event.name)?.(event.argument);
      if (answer instanceof Promise) answer.catch(() => undefined); // a refused update is the caller's
    } else {
      const waiting = this.pending.get(event.seq);
      if (waiting === undefined) this.commands.push(`nothing waits for ${event.type} ${event.seq}`);
      this.pending.delete(event.seq);
      waiting?.settle(event);
    }
    await this.#settle();
  }

  ask(command: string, pending: Omit<Pending, 'seq'>): number {
    const seq = (this.#seq += 1);
    this.commands.push(`${command} ${seq}`);
    this.pending.set(seq, { ...pending, seq });
    return seq;
  }

  #end(how: string): void {
    this.isOver = true;
    this.commands.push(how);
  }

  async #settle(): Promise<void> {
    for (;;) {
      await nextTurn();
      const held = [...this.conditions].find(({ fn }) => fn());
      if (held === undefined) return;
      this.conditions.delete(held);
      held.resolve();
    }
  }
}

/** The run that code of a workflow belongs to; there is one at a time. */
let current: SimulatedRun;

/** Makes a run the current one. */
export function enter(run: SimulatedRun): void {
  current = run;
}

/** The current run. */
export function currentRun(): SimulatedRun {
  return current;
}

class SimulatedScope {
  consideredCancelled = false;
  readonly cancelRequested = new Promise<never>(() => undefined);
  readonly #seqs: number[] = [];

  static current(): SimulatedScope {
    return new SimulatedScope();
  }

  async run<Result>(call: () => Promise<Result>): Promise<Result> {
    const before = new Set(current.pending.keys());
    const answer = call();
    this.#seqs.push(...[...current.pending.keys()].filter((seq) => !before.has(seq)));
    return answer;
  }

  cancel(): void {
    this.consideredCancelled = true;
    for (const seq of this.#seqs) {
      const waiting = current.pending.get(seq);
      if (waiting === undefined) continue;
      current.commands.push(`requestCancel ${seq}`);
      if (waiting.isWaitedFor === true) continue;
      current.pending.delete(seq);
      waiting.settle(null);
    }
  }
}

async function waitUntil(fn: () => boolean): Promise<void> {
  if (!fn()) await new Promise<void>((resolve) => current.conditions.add({ fn, resolve }));
}

async function condition(fn: () => boolean, ms?: number): Promise<unknown> {
  if (ms === undefined) return waitUntil(fn);
  const run = current;
  let seq = 0;
  const fired = new Promise<boolean>((resolve) => {
    seq = run.ask('timer', { kind: 'timer', name: 'timer', ms, settle: () => resolve(false) });
  });
  const isHeld = await Promise.race([fired, waitUntil(fn).then(() => true)]);
  if (run.pending.delete(seq)) run.commands.push(`cancelTimer ${seq}`);
  return isHeld;
}

function proxyActivities(): unknown {
  const call = (name: string) => ({
    executeWithOptions: ({ cancellationType }: { readonly cancellationType?: string }) =>
      new Promise((resolve, reject) => {
        const fail = (cause: Error): void =>
          reject(new ActivityFailure('failed', name, '1', 'MAXIMUM_ATTEMPTS_REACHED', undefined, cause));
        const settle = (event: HistoryEvent | null): void => {
          if (event === null) return fail(new CancelledFailure('asked to end'));
          if (event.type !== 'activityEnded') return;
          if ('result' in event) return resolve(event.result);
          const { kind, details } = event;
          fail(ApplicationFailure.create({ message: 'no', type: kind, details }));
        };
        const isWaitedFor = cancellationType === 'WAIT_CANCELLATION_COMPLETED';
        current.ask(`activity ${name}`, { kind: 'activity', name, ms: 0, settle, isWaitedFor });
      }),
  });
  return new Proxy({}, { get: (_, name) => call(String(name)) });
}

function upsertSearchAttributes(pairs: SearchAttributeUpdatePair[]): void {
  for (const { key, value } of pairs) {
    if (value === null) current.attributes.delete(key.name);
    else current.attributes.set(key.name, value);
  }
  const toText = (value: unknown): string => (value instanceof Date ? value.toISOString() : String(value));
  current.commands.push(`upsert ${pairs.map(({ key, value }) => `${key.name}=${toText(value)}`).join()}`);
}

function upsertMemo(memo: Readonly<Record<string, unknown>>): void {
  current.memo = { ...current.memo, ...memo };
  current.commands.push('memo');
}

const silent = (): void => undefined;

/** They differ between a live run and its replay, so that a workflow must not read them. */
const UNSTEADY = ['continueAsNewSuggested', 'historyLength', 'historySize'];

/** @throws Error when the workflow reads what it must not, in place of an answer */
function refuseUnsteady(info: object): object {
  const get = (target: object, name: string | symbol): unknown => {
    if (UNSTEADY.includes(String(name))) throw new Error(`${String(name)} is another one in a replay`);
    return Reflect.get(target, name);
  };
  return new Proxy(info, { get });
}

/** What takes the place of the functions of `@temporalio/workflow`; its errors stay. */
export const simulatedSdk: Readonly<Record<string, unknown>> = {
  CancellationScope: SimulatedScope,
  condition,
  allHandlersFinished: () => true,
  defineQuery: (name: string) => name,
  defineSignal: (name: string) => name,
  defineUpdate: (name: string) => name,
  log: { info: silent, warn: silent, debug: silent, error: silent },
  makeContinueAsNewFunc: (options: SimulatedRun['nextOptions']) => (input: unknown) => {
    current.nextOptions = options;
    current.next = JSON.parse(JSON.stringify(input)) as unknown;
    return Promise.reject(current.next as Error);
  },
  proxyActivities,
  proxySinks: () => ({ meterSync: { status: silent, cycleEnded: silent } }),
  setCurrentDetails: silent,
  setHandler: (name: string, handler: (argument?: unknown) => unknown) => current.handlers.set(name, handler),
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo: () =>
    refuseUnsteady({
      workflowId: 'meter-sync:a',
      firstExecutionRunId: 'first',
      continuedFromExecutionRunId: current.start.isContinued ? 'before' : undefined,
      startTime: new Date(current.start.startedAt),
      typedSearchAttributes: { get: ({ name }: { readonly name: string }) => current.attributes.get(name) },
      taskQueue: current.taskQueue,
      memo: current.memo,
      unsafe: { isReplaying: false },
    }),
};
