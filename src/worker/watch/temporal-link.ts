import type { NativeConnection } from '@temporalio/worker';
import { setTimeout as pause } from 'node:timers/promises';
import type { AbsentWorker } from '../../model/observation.js';
import type { WorkerLogger } from '../logger.js';
import { hourly } from '../waits.js';

/** Whether this process reaches Temporal, as far as it has looked. */
export interface TemporalLink {
  /** Null: it does, or it has not looked yet. */
  readonly lost: AbsentWorker | null;
  readonly isConnected: boolean;
}

/** Together they are less than 15 seconds: by then it is known that nothing answers any more. */
const LOOK_EVERY_MS = 7_000;
/** Within that time the core has tried several times. */
const ANSWER_WITHIN_MS = 5_000;
/** gRPC codes of a server that is there, whatever it makes of the question: not implemented, overloaded. */
const THERE: ReadonlySet<unknown> = new Set([8, 12]);

/**
 * Looks again and again whether Temporal answers: the polls of a worker outlive any outage, and tell of it late. The log says once
 * that it is lost, once an hour while it stays so, and once that it is back.
 */
export function watchTemporal(
  { connection, address }: { readonly connection: NativeConnection; readonly address: string },
  logger: WorkerLogger,
  end: AbortSignal,
): { readonly link: TemporalLink; readonly ended: Promise<void> } {
  const state: { lost: { readonly since: number; looks: number; readonly isToBeTold: () => boolean } | null } = {
    lost: null,
  };
  const look = async (): Promise<void> => {
    if (await answers(connection)) return found();
    const lost = (state.lost ??= { since: Date.now(), looks: 0, isToBeTold: hourly() });
    lost.looks += 1;
    if (!lost.isToBeTold()) return;
    const facts = { address, looks: lost.looks };
    logger.warn('Temporal lost: no work comes until it answers; readings wait at their sites', facts);
  };
  const found = (): void => {
    const { lost } = state;
    state.lost = null;
    if (lost !== null) logger.info('Temporal is back', { address, afterMs: Date.now() - lost.since });
  };
  const run = async (): Promise<void> => {
    while (!end.aborted) {
      await look();
      await pause(LOOK_EVERY_MS, undefined, { signal: end, ref: false }).catch(() => undefined); // aborted: the loop sees it
    }
  };
  const link: TemporalLink = {
    get lost() {
      return state.lost === null ? null : describe(address, state.lost.since);
    },
    get isConnected() {
      return state.lost === null;
    },
  };
  return { link, ended: run() };
}

/** The core tries again for longer than that: neither a deadline nor an abort ends its tries in time. */
async function answers({ workflowService }: NativeConnection): Promise<boolean> {
  const asked = workflowService.getSystemInfo({}).then(
    () => true,
    (error: { readonly code?: unknown }) => THERE.has(error.code),
  );
  return Promise.race([asked, pause(ANSWER_WITHIN_MS, false, { ref: false })]);
}

function describe(address: string, since: number): AbsentWorker {
  return {
    message: `this worker does not reach Temporal at ${address}`,
    next: 'Look at the Temporal server and the link; the worker continues by itself once it answers: meter-sync check',
    lastSeenAt: new Date(since).toISOString(),
  };
}
