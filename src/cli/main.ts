#!/usr/bin/env node
import module from 'node:module';

// Loading Temporal's client is most of what a short command takes; Node 22 and newer keep the compiled code for the next run.
// It must be asked for before anything else is loaded, hence the import below instead of one at the top.
(module as { enableCompileCache?: () => void }).enableCompileCache?.();

const { runCommandLine } = await import('./run.js');
process.exitCode = await runCommandLine(process.argv.slice(2), process.env);
// A call that Temporal's client is about to try again would keep the process, and then end it with an exception: the connection is closed.
process.stdout.write('', () => process.exit());
