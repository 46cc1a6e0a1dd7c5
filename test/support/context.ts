import type { Stack } from '../../src/dev/stack/stack.js';

/** What the set-up of the run gives to every test file. */
interface TestStack {
  /** URL of the maintenance database of each server. */
  readonly local: string;
  readonly remote: string;
  readonly temporalAddress: Stack['temporalAddress'];
  /** How a database is cloned on each server, as SQL: PostgreSQL 15 and newer would write each page of it to their log. */
  readonly cloneStrategy: Readonly<Record<'local' | 'remote', string>>;
  /** Where the workflow bundle of this run is; built once. */
  readonly bundlePath: string;
  /** True when the stack outlives the run, so that the databases of failed tests can be looked at. */
  readonly isKept: boolean;
}

declare module 'vitest' {
  interface ProvidedContext {
    stack: TestStack;
  }
}
