import { SingleBar } from 'cli-progress';
import pc from 'picocolors';
import { fitColumns } from './fit-screen.js';

/** How sure a line is; colours it on a terminal. */
export type Mark = 'good' | 'warning' | 'bad' | 'quiet' | 'heading';

/** The only place that prints. Answers go to standard output; notes, progress and errors to standard error. */
export interface Output {
  /** True when standard output must hold one JSON document and nothing else. */
  readonly isJson: boolean;
  /** One line of JSON on standard output. */
  document(value: unknown): void;
  /** Text for people on standard output; nothing is printed in JSON mode, nor of a text that is empty. */
  text(text: string): void;
  /** A line for people on standard error, in either mode. */
  note(line: string): void;
  /** A text in the colour of its mark, where standard output is a terminal. */
  paint(mark: Mark, text: string): string;
  /** A text with its long lines wrapped between words, where standard output is a terminal; else as it is. */
  fit(text: string): string;
  /** Rows as aligned text, on a terminal with a bold head. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): string;
  /** A progress bar on standard error, where that is a terminal; else a line now and then. */
  progress(what: string): Progress;
}

/** A piece of work that is told as it goes on. */
export interface Progress {
  update(done: number, total: number): void;
  end(): void;
}

/** Without a terminal a line at each tenth of the work is enough. */
const STEPS_WITHOUT_TERMINAL = 10;

/** Of a terminal that does not tell its size. */
const DEFAULT_COLUMNS = 80;

/** The output of one run of the command line. A reader that goes away early (`| head`) ends it quietly. */
export function createOutput({ isJson }: { readonly isJson: boolean }): Output {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
  const isTerminal = process.stdout.isTTY === true && !isJson;
  const note = (line: string): void => void process.stderr.write(`${line}\n`);
  return {
    isJson,
    document: (value) => void process.stdout.write(`${JSON.stringify(value)}\n`),
    text: (text) => void (isJson || text === '' || process.stdout.write(`${text}\n`)),
    note,
    paint: (mark, text) => (isTerminal ? PAINT[mark](text) : text),
    fit: (text) => (isTerminal ? fitColumns(text, process.stdout.columns || DEFAULT_COLUMNS).join('\n') : text),
    table: (head, rows) => (isTerminal ? emphasizeHead(head, alignTable(head, rows)) : alignTable(head, rows)),
    progress: (what) => (process.stderr.isTTY === true ? drawBar(what) : tellSteps(what, note)),
  };
}

const PAINT: Readonly<Record<Mark, (text: string) => string>> = {
  good: pc.green,
  warning: pc.yellow,
  bad: pc.red,
  quiet: pc.dim,
  heading: pc.bold,
};

function emphasizeHead(head: readonly string[], table: string): string {
  if (head.every((title) => title === '')) return table; // columns that need no title have none
  const [first = '', ...rows] = table.split('\n');
  return [PAINT.heading(first), ...rows].join('\n');
}

/** Rows as aligned text, for programs that cut it and for screens that wrap it. */
export function alignTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = head.some((title) => title !== '') ? [head, ...rows] : rows;
  const widths = head.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function drawBar(what: string): Progress {
  const bar = new SingleBar({
    format: `${what} {bar} {percentage}% | {value}/{total} | {eta_formatted}`,
    stream: process.stderr,
  });
  let isStarted = false;
  return {
    update: (done, total) => {
      if (!isStarted) bar.start(total, done);
      isStarted = true;
      bar.setTotal(total);
      bar.update(done);
    },
    end: () => bar.stop(),
  };
}

function tellSteps(what: string, note: (line: string) => void): Progress {
  let told = 0;
  return {
    update: (done, total) => {
      const step = total === 0 ? 0 : Math.floor((done / total) * STEPS_WITHOUT_TERMINAL);
      if (step <= told) return;
      told = step;
      note(`${what}: ${done} of ${total}`);
    },
    end: () => undefined,
  };
}
