import { parseArgs } from 'node:util';
import { benchMemory } from './backlog/memory.js';
import { benchPlans } from './backlog/plans.js';
import { benchIdle } from './cycles/run.js';
import { benchCustody } from './custody/custody.js';
import { benchDownload } from './download/compare.js';
import { plot, render } from './render.js';
import { benchUpload } from './upload/compare.js';

const USAGE = `npm run bench -- upload   [--shape narrow|wide] [--rows N] [--rounds 5] [--only NAME,NAME] [--delay MS]
       npm run bench -- download [--rows N] [--rounds 3] [--only NAME,NAME] [--delay MS] [--meters ARCHIVE]
       npm run bench -- memory   [--rows 10000000]    memory while a backlog drains
       npm run bench -- plans    [--rows 10000000]    plans of the queue's statements, with and without an index
       npm run bench -- idle     [--sites N] [--rounds 10] [--interval SECONDS] [--servers embedded|system]
                                 cycles with nothing to do, then with five readings each: what they cost both ends
       npm run bench -- custody  [--rows 525600]      a year of custody records: size, signing, verifying
       npm run bench -- render   FILE...              tables of results that were written with --json
       npm run bench -- plot     --svg FILE FILE...   results of uploads as one picture

  --delay MS       round trip to the remote, added by a proxy
  --interval S     from one cycle of a site to the next; beyond 10 s connections are given back in between
  --servers WHICH  those of the product's development, or those of the system's packages as they come
  --only NAMES     contestants by name, with commas; the one that ratios are told against always takes part
  --meters ARCHIVE lists of real meters, used where the file is there
  --json FILE      the result with every run, the machine, versions and settings
  --markdown FILE  the table

Compares ways to do the same work side by side on two servers that this command starts: ratios count, not rates.
Exit code 1: a run failed, content was not the same at both ends or a target was missed; 2: the command line is wrong.`;

/** A hundred meters, a reading a minute, ten weeks offline. */
const BACKLOG_ROWS = 10_000_000;

/** A record a minute. */
const YEAR_RECORDS = 525_600;

const OPTIONS = {
  shape: { type: 'string', default: 'narrow' },
  rows: { type: 'string' },
  rounds: { type: 'string' },
  only: { type: 'string' },
  delay: { type: 'string' },
  sites: { type: 'string' },
  interval: { type: 'string' },
  servers: { type: 'string', default: 'embedded' },
  meters: { type: 'string', default: '../shared/data/points-metadata.tar.gz' },
  svg: { type: 'string' },
  json: { type: 'string' },
  markdown: { type: 'string' },
} as const;

/** Reads the command line and runs the named comparison. */
async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: OPTIONS });
  const only = values.only?.split(',').map((name) => name.trim()) ?? null;
  const files = { jsonFile: values.json ?? null, markdownFile: values.markdown ?? null };
  const rows = values.rows === undefined ? null : toCount('rows', values.rows);
  const delayMs = values.delay === undefined ? 0 : toCount('delay', values.delay);
  const [name, ...rest] = positionals;
  if (name === 'render' && rest.length > 0) return render(rest);
  if (name === 'plot' && rest.length > 0 && values.svg !== undefined) return plot(rest, values.svg);
  switch (positionals.join(' ')) {
    case 'upload':
      return benchUpload({
        shape: values.shape,
        rows,
        rounds: toCount('rounds', values.rounds ?? '5'),
        only,
        delayMs,
        ...files,
      });
    case 'download':
      return benchDownload({
        rows,
        rounds: toCount('rounds', values.rounds ?? '3'),
        only,
        delayMs,
        archive: values.meters,
        ...files,
      });
    case 'memory':
      return benchMemory(rows ?? BACKLOG_ROWS, files);
    case 'custody':
      return benchCustody(rows ?? YEAR_RECORDS, files);
    case 'plans':
      return benchPlans(rows ?? BACKLOG_ROWS, files);
    case 'idle': {
      if (values.servers !== 'embedded' && values.servers !== 'system') throw new UsageError('--servers: which?');
      return benchIdle({
        sites: toCount('sites', values.sites ?? '1'),
        rounds: toCount('rounds', values.rounds ?? '10'),
        intervalMs: toCount('interval', values.interval ?? '12') * 1_000,
        origin: values.servers,
        ...files,
      });
    }
    default:
      throw new UsageError('name one of the comparisons');
  }
}

/** The command line is wrong. */
class UsageError extends Error {}

function toCount(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new UsageError(`--${name} is '${text}'; wanted a whole number above 0`);
}

function isUsageError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS');
}

main().then(
  (isFine) => {
    process.exitCode = isFine ? 0 : 1;
  },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    if (isUsageError(error)) console.error(`\n${USAGE}`);
    process.exitCode = isUsageError(error) ? 2 : 1;
  },
);
