import type { Answer, CommandSpec, Context } from '../command.js';
import { toCount } from '../../model/words.js';
import { connectToSite } from '../connect-to-site.js';
import { signalTo } from '../send-signal.js';
import { timeoutOption } from '../timeout-option.js';

/** A last cycle may retry a lost connection for a minute and upload for another half, before its downloads. */
const WAIT_SECONDS = 600;

interface StopOptions {
  readonly wait?: true;
  readonly timeoutSeconds: number;
}

/** `meter-sync stop` */
export const stop: CommandSpec<StopOptions> = {
  name: 'stop',
  summary: "end a site's sync after its running cycle",
  description:
    'An upload under way ends with its batch, and the rest of its cycle as always; then the workflow completes with its final status. Without a worker the stop waits in Temporal until one is back. A site that does not run says so (exit code 1).',
  examples: ['meter-sync stop --site north', 'meter-sync stop --site north --wait --json'],
  addOptions: (command) =>
    void command
      .option('--wait', 'wait for the last cycle, and answer with the final status')
      .addOption(timeoutOption(WAIT_SECONDS)),
  run: stopSite,
};

async function stopSite(context: Context, { wait, timeoutSeconds }: StopOptions): Promise<Answer> {
  const opened = await connectToSite(context);
  const { site } = opened;
  const answer = await signalTo(opened, { signal: 'stop', does: 'ends with its running cycle' });
  if (wait !== true) return answer;
  context.output.note(answer.text);
  const status = await site.result(timeoutSeconds * 1000);
  return {
    document: { ...answer.document, status },
    text: `Site ${site.siteId} stopped. Uploaded in all: ${toCount(status.totalRecordsSynced)}; waiting at the site: ${toCount(status.queueSize)}\nnext: meter-sync start --site ${site.siteId}`,
  };
}
