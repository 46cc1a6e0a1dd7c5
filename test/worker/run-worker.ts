import { loadSites } from '../../src/config/load.js';
import { runWorker } from '../../src/worker/main.js';

// The worker of the sources as a process of its own, with its settings in the environment.
process.exitCode = await runWorker(loadSites({ env: process.env }));
