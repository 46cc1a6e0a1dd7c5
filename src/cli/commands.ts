import type { CommandSpec } from './command.js';
import { adopt } from './commands/adopt.js';
import { check } from './commands/check.js';
import { config } from './commands/config.js';
import { configure } from './commands/configure.js';
import { custody } from './commands/custody.js';
import { demo } from './commands/demo.js';
import { dev } from './commands/dev.js';
import { downloads } from './commands/downloads.js';
import { init } from './commands/init.js';
import { move } from './commands/move.js';
import { pause } from './commands/pause.js';
import { quarantine } from './commands/quarantine.js';
import { resend } from './commands/resend.js';
import { resume } from './commands/resume.js';
import { start } from './commands/start.js';
import { status } from './commands/status.js';
import { stop } from './commands/stop.js';
import { syncNow } from './commands/sync-now.js';
import { verify } from './commands/verify.js';
import { watch } from './commands/watch.js';
import { worker } from './commands/worker.js';

/** All commands, in the order in which a newcomer meets them. */
export const COMMANDS: readonly CommandSpec<never>[] = [
  demo,
  dev,
  check,
  config,
  init,
  worker,
  start,
  status,
  watch,
  pause,
  resume,
  syncNow,
  configure,
  move,
  stop,
  downloads,
  quarantine,
  verify,
  custody,
  resend,
  adopt,
];
