import type { CommandSpec } from '../command.js';
import { sendSignal } from '../send-signal.js';

/** `meter-sync pause` */
export const pause: CommandSpec = {
  name: 'pause',
  summary: 'begin no further cycle until resume',
  description:
    'An upload under way ends with its batch, and the rest of its cycle as always; no further one begins until `meter-sync resume`. Readings wait in the local table.',
  examples: ['meter-sync pause --site north'],
  run: (context) =>
    sendSignal(context, {
      signal: 'pause',
      does: 'pauses after its running cycle',
      next: (siteId) => `meter-sync resume --site ${siteId}`,
    }),
};
