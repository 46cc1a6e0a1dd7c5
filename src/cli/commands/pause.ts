import type { CommandSpec } from '../command.js';
import { sendSignal } from '../send-signal.js';
import { whoAmI } from '../who-am-i.js';

interface PauseOptions {
  readonly reason?: string;
  readonly by?: string;
}

/** `meter-sync pause` */
export const pause: CommandSpec<PauseOptions> = {
  name: 'pause',
  summary: 'begin no further cycle until resume',
  description:
    'An upload under way ends with its batch, and the rest of its cycle as always; no further one begins until `meter-sync resume`. ' +
    'Readings wait in the local table; the status says how many, who paused the site and why.',
  examples: ['meter-sync pause --site north --reason "the remote is moved to another server"'],
  addOptions: (command) =>
    void command
      .option('--reason <text>', 'why; the status shows it')
      .option('--by <name>', 'who pauses; default: the user and the machine'),
  run: (context, { reason, by = whoAmI() }) =>
    sendSignal(context, {
      signal: 'pause',
      argument: { by, ...(reason === undefined ? {} : { reason }) },
      does: 'pauses after its running cycle',
      next: (siteId) => `meter-sync resume --site ${siteId}`,
    }),
};
