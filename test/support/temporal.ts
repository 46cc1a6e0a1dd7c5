import { randomBytes } from 'node:crypto';

import { Client, Connection } from '@temporalio/client';
import {
  DefaultLogger,
  type InjectedSinks,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { inject, onTestFinished, type TestContext } from 'vitest';

import type { WorkerEars } from '../../src/model/told.js';
import './context.js';

/** Everything a test needs to run workflows; all of it is its own, but for the server. */
export interface TestTemporal {
  readonly address: string;
  readonly namespace: string;
  readonly client: Client;
  /** A task queue of this test alone. */
  readonly taskQueue: string;
  /** A site id of this test alone, and so a workflow id. */
  readonly siteId: string;
  /** A worker with the project's workflows and these activities, that runs until the test has ended. */
  readonly startWorker: (options?: Partial<WorkerOptions>) => Promise<RunningWorker>;
}

interface RunningWorker {
  readonly worker: Worker;
  /** Drains the worker and waits for its end. May be called twice; happens by itself at the end of the test. */
  readonly stop: () => Promise<void>;
}

const NAMESPACE = 'default';
const NOBODY_HEARS: InjectedSinks<WorkerEars> = {
  meterSync: { status: { fn: () => undefined }, cycleEnded: { fn: () => undefined } },
};

let shared: Promise<{ connection: Connection; native: NativeConnection }> | undefined;

/** Connects a test to the run's Temporal server; the connections are shared by the tests of a file. */
export async function connectTemporal(context: Pick<TestContext, 'task'>): Promise<TestTemporal> {
  const address = inject('stack').temporalAddress;
  const { connection, native } = await (shared ??= connect(address));
  const siteId = toId(context.task.name);
  const taskQueue = `test:${siteId}`;
  const stopWorkers: (() => Promise<void>)[] = [];
  const register = (context as Partial<TestContext>).onTestFinished ?? onTestFinished;
  register(async () => void (await Promise.all(stopWorkers.map((stop) => stop()))));
  const startWorker = async (options: Partial<WorkerOptions> = {}): Promise<RunningWorker> => {
    const workflowBundle = { codePath: inject('stack').bundlePath };
    const worker = await Worker.create({
      connection: native,
      namespace: NAMESPACE,
      taskQueue,
      workflowBundle,
      sinks: NOBODY_HEARS,
      ...options,
    });
    const running = run(worker);
    stopWorkers.push(running.stop);
    return running;
  };
  return { address, namespace: NAMESPACE, client: new Client({ connection }), taskQueue, siteId, startWorker };
}

async function connect(address: string): Promise<{ connection: Connection; native: NativeConnection }> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const [connection, native] = await Promise.all([
    Connection.connect({ address }),
    NativeConnection.connect({ address }),
  ]);
  return { connection, native };
}

function run(worker: Worker): RunningWorker {
  const ended = worker.run();
  ended.catch(() => undefined); // told to whoever stops the worker
  const stop = async (): Promise<void> => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await ended;
  };
  return { worker, stop };
}

function toId(title: string): string {
  const words = title.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return `${words.slice(0, 60)}-${randomBytes(4).toString('hex')}`;
}
