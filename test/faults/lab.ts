import { parseArgs } from 'node:util';
import { FAULT_KINDS } from './lab/faults.js';
import { describeFindings, describeSeries, describeUntried, isWell, totalsOf } from './lab/report.js';
import { OTHER_VERSIONS } from '../support/npm-postgres.js';
import { SERVER_UNDER_TEST } from '../support/server-under-test.js';
import type { ServerChoice } from './lab/servers.js';
import { runSeries, type SeriesOptions } from './lab/series.js';

/** `npm run lab`: randomised runs of the upload under faults. Exit code 1 on any finding, or when it has tried too little; 2 on a wrong option. */
const USAGE = `npm run lab -- [--seed N] [--runs 300] [--only ${FAULT_KINDS.join('|')}] [--pooler all|third|none] [--run K]
           [--server embedded|system|${OTHER_VERSIONS.join('|')}] [--language en|de]
The seed repeats which faults meet which readings, and where; not the timing of the servers. --run K makes one run of the series.
--server system is the PostgreSQL of the system's packages as it comes, in German unless --language says en.`;

const EMBEDDED = 'embedded';
const TELL_EVERY = 25;
const SIZE = { faultsInARun: 3, maxMoreReadings: 1_000 };
const tell = (line: string): void => void process.stderr.write(`${line}\n`);

type Asked = Pick<Required<SeriesOptions>, 'seed' | 'runs' | 'only' | 'pooled' | 'run' | 'server'>;

function readOptions(): Asked {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      runs: { type: 'string', default: '300' },
      only: { type: 'string' },
      pooler: { type: 'string', default: 'third' },
      run: { type: 'string' },
      server: { type: 'string', default: SERVER_UNDER_TEST ?? EMBEDDED },
      language: { type: 'string' },
    },
  });
  const only = values.only === undefined ? null : oneOf(FAULT_KINDS, '--only', values.only);
  const pooled = oneOf(['all', 'third', 'none'] as const, '--pooler', only === 'pooler' ? 'all' : values.pooler);
  const run = values.run === undefined ? null : wholeNumber('--run', values.run);
  return {
    seed: wholeNumber('--seed', values.seed),
    runs: wholeNumber('--runs', values.runs),
    only,
    pooled,
    run,
    server: chooseServer(values),
  };
}

function chooseServer({ server, language }: { server: string; language?: string | undefined }): ServerChoice {
  const kind = oneOf([EMBEDDED, 'system', ...OTHER_VERSIONS], '--server', server);
  const speaks = language ?? (kind === 'system' ? 'de' : 'en');
  if (kind !== 'system' && speaks !== 'en') throw new TypeError(`--language ${speaks} needs --server system`);
  return { kind: kind === EMBEDDED ? null : kind, language: oneOf(['en', 'de'] as const, '--language', speaks) };
}

function oneOf<Value extends string>(wanted: readonly Value[], option: string, text: string): Value {
  const found = wanted.find((value) => value === text);
  if (found === undefined) throw new TypeError(`${option} is '${text}'; expected one of ${wanted.join(', ')}`);
  return found;
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`${option} is '${text}'; expected a whole number`);
  return Number(text);
}

function showProgress(done: number, of: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${done} of ${of} runs`);
  else if (done % TELL_EVERY === 0) tell(`${done} of ${of} runs`);
  if (process.stderr.isTTY && done === of) process.stderr.write('\n');
}

async function main(): Promise<void> {
  let asked: Asked;
  try {
    asked = readOptions();
  } catch (error) {
    tell(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  const { kind, language } = asked.server;
  tell(
    `lab: seed ${asked.seed}, ${asked.runs} runs, kinds: ${asked.only ?? 'all'}, through PgBouncer: ${asked.pooled}, server: ${kind ?? EMBEDDED}, ${language}`,
  );
  const series = await runSeries({ ...asked, ...SIZE, tell, onRun: showProgress });
  const findings = series.made.flatMap((made) => describeFindings(made, asked.seed));
  const untried = asked.run === null ? describeUntried(series) : [];
  const isFine = isWell(totalsOf(series)) && untried.length === 0;
  const lines = [
    ...findings,
    ...describeSeries(series),
    ...untried,
    `seed ${asked.seed}: ${isFine ? 'all is well' : 'NOT WELL'}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  process.exitCode = isFine ? 0 : 1;
}

await main();
