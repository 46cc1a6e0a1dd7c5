import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../model/status.js';
import type { SiteHandle } from '../../temporal/site-handle.js';
import type { Answer, CommandSpec, Context } from '../command.js';
import { toDuration } from '../../model/words.js';
import { connectToSite } from '../connect-to-site.js';
import { signalTo } from '../send-signal.js';
import { timeoutOption } from '../timeout-option.js';

const WAIT_SECONDS = 300;
const LOOK_EVERY_MS = 300;

interface SyncNowOptions {
  readonly wait?: true;
  readonly full?: true;
  readonly timeoutSeconds: number;
}

/** `meter-sync sync-now` */
export const syncNow: CommandSpec<SyncNowOptions> = {
  name: 'sync-now',
  summary: 'run a cycle at once',
  description:
    'Runs a full cycle at once, also while the site is paused or waits for a database. With --wait the exit code is 1 when it failed. ' +
    'With --full the downloads of that cycle try rows again that the local tables have refused, although they have not changed.',
  examples: ['meter-sync sync-now --site north', 'meter-sync sync-now --site north --wait'],
  addOptions: (command) =>
    void command
      .option('--full', 'try refused rows of meters and tenants again')
      .option('--wait', 'wait for the end of that cycle, and answer with the status')
      .addOption(timeoutOption(WAIT_SECONDS)),
  run,
};

async function run(context: Context, { wait, full, timeoutSeconds }: SyncNowOptions): Promise<Answer> {
  const opened = await connectToSite(context);
  const { site } = opened;
  const before = wait === true ? await site.status() : null;
  const answer = await signalTo(opened, {
    signal: 'syncNow',
    does: full === true ? 'will run a cycle at once, and try refused rows again' : 'will run a cycle at once',
    ...(full === true ? { argument: { full: true } } : {}),
  });
  if (before === null) return answer;
  context.output.note(answer.text);
  const status = await waitForCycle(site, before, Date.now() + timeoutSeconds * 1000);
  if (status === null)
    return {
      exitCode: 1,
      document: { ...answer.document, ok: false, status: null },
      text: 'No cycle has ended in that time',
    };
  const failed = status.lastSyncSuccess !== true;
  return {
    exitCode: failed ? 1 : 0,
    document: { ...answer.document, ok: !failed, status },
    text: failed ? `The cycle failed: ${status.lastSyncError ?? 'no reason is known'}` : toSuccess(status),
  };
}

/** The status after the cycle that was asked for; one that was running when it was asked for does not count. */
async function waitForCycle(site: SiteHandle, before: Status, deadline: number): Promise<Status | null> {
  const wasRunning = before.state === 'syncing' || before.state === 'catchingUp';
  const wanted = before.cycles + (wasRunning ? 2 : 1);
  while (Date.now() < deadline) {
    const status = await site.status();
    if (status.cycles >= wanted) return status;
    await sleep(LOOK_EVERY_MS);
  }
  return null;
}

function toSuccess({ upload, queueSize, cycles }: Status): string {
  const sent = upload?.result?.removed ?? 0;
  const took = upload === null ? '' : ` in ${toDuration(upload.durationMs)}`;
  return `Cycle ${cycles} succeeded: ${sent} readings uploaded${took}, ${queueSize ?? 'an unknown number'} left in the queue`;
}
