import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks', // the native core of Temporal's SDK does not live in worker threads
    maxWorkers: 3, // on two cores: many tests wait, for a server, a timeout or a process of their own
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
