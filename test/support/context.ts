import type { Stack } from '../../src/dev/stack/stack.js';

/** What the set-up of the run gives to every test file. */
interface TestStack {
  /** URL of the maintenance database of each server. */
  readonly local: string;
  readonly remote: string;
  readonly temporalAddress: Stack['temporalAddress'];
  /** Where the workflow bundle of this run is; built once, from the sources. */
  readonly bundlePath: string;
  /** True when the stack outlives the run, so that the databases of failed tests can be looked at. */
  readonly isKept: boolean;
}

declare module 'vitest' {
  interface ProvidedContext {
    stack: TestStack;
  }
}
