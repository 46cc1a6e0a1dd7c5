import type { Output } from './output.js';

/** Why a command was told to end. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * A signal that aborts at Ctrl-C or SIGTERM, so that what runs is stopped in order. A second one ends the process at once.
 * @returns the signal, and how to stop listening
 */
export function untilTold(output: Output): {
  readonly signal: AbortSignal;
  readonly stopListening: () => Promise<void>;
} {
  const told = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (told.signal.aborted) process.exit(1);
    output.note(`${name}: stopping in order; once more ends at once`);
    told.abort(new Interrupted(`told to end by ${name}`));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, onSignal);
  const stopListening = async (): Promise<void> => {
    for (const name of signals) process.off(name, onSignal);
  };
  return { signal: told.signal, stopListening };
}
