import { Option } from 'commander';
import { loadSiteConfig } from '../../config/load.js';
import { toDuration } from '../../model/words.js';
import type { Answer, CommandSpec, Context } from '../command.js';
import { parseDuration } from '../duration-option.js';
import { toLocalTime } from '../instant.js';
import { alignTable } from '../output.js';
import type { Looker } from '../watch/look.js';

interface WatchOptions {
  /** Milliseconds. */
  readonly interval: number;
}

/** `meter-sync watch` */
export const watch: CommandSpec<WatchOptions> = {
  name: 'watch',
  summary: 'the status, live, until Ctrl-C',
  description:
    'Shows the status of a site again and again, also while no worker or no Temporal answers: then it says what is old. ' +
    'Where standard output is no terminal it prints a line when something changes, with --json a document.',
  examples: ['meter-sync watch --site north', 'meter-sync watch --site north --interval 10s'],
  addOptions: (command) =>
    void command.addOption(
      new Option('--interval <duration>', 'how long to wait between two looks')
        .argParser(parseDuration)
        .default(2_000, '2s'),
    ),
  run: watchSite,
};

async function watchSite(context: Context, { interval: intervalMs }: WatchOptions): Promise<Answer> {
  const { siteId } = loadSiteConfig(context.sources);
  const { openLooker } = await import('../watch/look.js');
  const looker = await openLooker(context, siteId);
  const signal = untilInterrupted(context);
  const isTerminal = process.stdout.isTTY === true && !context.output.isJson && process.env['TERM'] !== 'dumb';
  if (isTerminal) await showPages(context, looker, { intervalMs, signal });
  else await printChanges(context, looker, { intervalMs, signal });
  looker.close();
  return { document: null, text: '' };
}

interface Pace {
  readonly intervalMs: number;
  readonly signal: AbortSignal;
}

async function showPages(context: Context, looker: Looker, { intervalMs, signal }: Pace): Promise<void> {
  const { paint } = context.output;
  const [{ openScreen }, { renderLook }] = await Promise.all([
    import('../watch/screen.js'),
    import('../watch/render-look.js'),
  ]);
  const screen = openScreen(process.stdout);
  const restore = (): void => screen.close();
  process.once('exit', restore); // whatever ends the process, the terminal is left as it was found
  try {
    await eachInterval({ intervalMs, signal }, async () => {
      const look = await looker.look();
      const title = `meter-sync watch, every ${toDuration(intervalMs)}, ${toLocalTime(look.now)}. Ctrl-C ends it`;
      if (!signal.aborted)
        screen.draw(renderLook(looker.siteId, look, looker.lastStatus(), { paint, table: alignTable, title }));
    });
  } finally {
    screen.close();
    process.off('exit', restore);
  }
}

async function printChanges({ output }: Context, looker: Looker, pace: Pace): Promise<void> {
  const { toLine } = await import('../watch/render-look.js');
  let told: string | null = null;
  await eachInterval(pace, async () => {
    const look = await looker.look();
    const { key, text } = toLine(looker.siteId, look);
    if (key === told || pace.signal.aborted) return;
    told = key;
    const at = new Date(look.now).toISOString();
    if (!output.isJson) output.text(`${at} ${text}`);
    else {
      const { siteId } = looker;
      const seen =
        look.found === 'site' ? { verdict: look.verdict } : { error: { code: look.error.code, ...look.error.facts } };
      output.document({ at, siteId, ...seen, status: looker.lastStatus() });
    }
  });
}

/** One look after another: a look that takes long delays the next one, and none is begun beside it. */
async function eachInterval({ intervalMs, signal }: Pace, look: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    const nextAt = Date.now() + intervalMs;
    await Promise.race([look(), aborted(signal)]);
    await wait(Math.max(0, nextAt - Date.now()), signal);
  }
}

function wait(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, durationMs);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Ends at Ctrl-C, at SIGTERM, and with its terminal. */
function untilInterrupted({ defer }: Context): AbortSignal {
  const told = new AbortController();
  const end = (): void => told.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, end);
  defer(async () => {
    for (const name of signals) process.off(name, end);
  });
  return told.signal;
}
