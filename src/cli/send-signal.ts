import type { TemporalError } from '../temporal/errors.js';
import type { Answer, Context } from './command.js';
import { findObstacle, connectToSite, type ConnectedSite } from './connect-to-site.js';

/** One signal to a site's workflow: what it is called there, and what the site does then. */
interface SignalCommand {
  readonly signal: 'stop' | 'pause' | 'resume' | 'syncNow' | 'moveTo';
  /** What is sent with it, as that signal takes it; absent: nothing. */
  readonly argument?: object;
  /** The end of a sentence that begins with the site: `ends with its running cycle`. */
  readonly does: string;
  /** The command to run after it, if one belongs to it. */
  readonly next?: (siteId: string) => string;
}

/**
 * Sends a signal; Temporal takes it whether a worker is there or not, and the answer says when none is.
 * @throws NotRunning, Unreachable, Refused, ConfigProblems
 */
export async function sendSignal(context: Context, command: SignalCommand): Promise<Answer> {
  return signalTo(await connectToSite(context), command);
}

/** The same for a site that is open already. */
export async function signalTo(opened: ConnectedSite, command: SignalCommand): Promise<Answer> {
  const { site } = opened;
  const { signal, argument } = command;
  const send = site as Readonly<Record<SignalCommand['signal'], (argument?: object) => Promise<void>>>;
  await send[signal](argument);
  const obstacle = await findObstacle(opened);
  return {
    document: {
      ok: true,
      siteId: site.siteId,
      workflowId: site.workflowId,
      signal,
      workerPolling: obstacle?.code !== 'noWorker',
    },
    text: toText(site.siteId, command, obstacle),
  };
}

function toText(siteId: string, { signal, does, next }: SignalCommand, obstacle: TemporalError | null): string {
  if (obstacle !== null) {
    const when = obstacle.code === 'noWorker' ? 'a worker is back' : 'the workflow runs again';
    return (
      `Temporal keeps the ${signal} for site ${siteId}. It takes effect when ${when}; then the site ${does}.\n` +
      `${obstacle.message}\nnext: ${obstacle.next}`
    );
  }
  return `Site ${siteId} ${does}${next === undefined ? '' : `\nnext: ${next(siteId)}`}`;
}
