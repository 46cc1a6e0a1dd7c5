import type { CommandSpec } from '../command.js';
import { sendSignal } from '../send-signal.js';

/** `meter-sync resume` */
export const resume: CommandSpec = {
  name: 'resume',
  summary: 'end a pause; the next cycle begins at once',
  examples: ['meter-sync resume --site north'],
  run: (context) => sendSignal(context, { signal: 'resume', does: 'goes on with a cycle at once' }),
};
