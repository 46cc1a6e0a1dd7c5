import { setTimeout as pause } from 'node:timers/promises';

import type { StopSignal } from './guarded-process.js';
import { isRunning, type ProcessIdentity } from './process-identity.js';

/** A server of a stack, with what is needed to end it when its stack could not. */
export interface Leftover extends ProcessIdentity {
  readonly stopSignal: StopSignal;
}

const POLL_MS = 50;
const BY_ITSELF_WITHIN_MS = 3_000; // its guard is most likely ending it already
const IN_ORDER_WITHIN_MS = 20_000;

/**
 * Ends servers that a crashed stack has left, and waits until they are gone.
 *
 * Only the very processes that were noted are signalled: one that merely was given the same number is not ours.
 */
export async function stopLeftovers(leftovers: readonly Leftover[]): Promise<void> {
  await Promise.all(leftovers.map(stopLeftover));
}

async function stopLeftover(server: Leftover): Promise<void> {
  if (await isGoneWithin(server, BY_ITSELF_WITHIN_MS)) return;
  process.kill(server.pid, `SIG${server.stopSignal}`);
  if (await isGoneWithin(server, IN_ORDER_WITHIN_MS)) return;
  process.kill(server.pid, 'SIGKILL');
  if (await isGoneWithin(server, IN_ORDER_WITHIN_MS)) return;
  throw new Error(`Process ${server.pid}, a server that an earlier stack has left, does not end. End it by hand.`);
}

async function isGoneWithin(server: ProcessIdentity, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (isRunning(server) && Date.now() < deadline) await pause(POLL_MS);
  return !isRunning(server);
}
