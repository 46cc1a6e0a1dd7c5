import type { Measure } from '../contestant.js';
import { describeMachine } from '../machine.js';
import { median, spread } from '../statistics.js';
import { ratesOf, ratiosOf, type UploadLine, type UploadResult } from './result.js';

const HEAD = [
  'Way',
  'rows/s: median (min to max)',
  'ratio: median (min to max)',
  'twice is safe',
  'CPU a million rows: program / site / customer',
  'memory',
];

/** The result as Markdown: one table, and what is needed to judge it. */
export function toUploadMarkdown(result: UploadResult): string {
  const { rows, title, rounds, delayMs, lines } = result;
  const distance = delayMs === 0 ? '' : `, ${delayMs} ms of round trip to the remote where the line says so`;
  const problems = lines.flatMap(({ name, problems }) => problems.map((problem) => `* FAILED: ${name}: ${problem}`));
  return [
    `### Upload and remove ${rows.toLocaleString('en')} readings, ${title}${distance}`,
    '',
    `${rounds} interleaved rounds. Ratio: to the first line of the same round. Content compared at both ends after every run.`,
    '',
    toRow(HEAD),
    toRow(HEAD.map(() => '---')),
    ...lines.map((line) => toRow(toCells(line, result))),
    '',
    ...lines.map((line) => `* ${nameOf(line)}: ${line.note}${toShareNote(line, rows)}.`),
    ...problems,
    '',
    describeMachine(result.machine),
    '',
  ].join('\n');
}

/** The line's name, with its distance. */
export function nameOf({ name, delayMs }: UploadLine): string {
  return delayMs === 0 ? name : `${name}, ${delayMs} ms`;
}

function toCells(line: UploadLine, result: UploadResult): string[] {
  const [rates, ratios] = [spread(ratesOf(line)), spread(ratiosOf(line, result))];
  const runs = line.runs.filter((run) => run !== null);
  const cpu = (read: (run: Measure) => number): string => ((median(runs.map(read)) * 1e6) / line.rows).toFixed(1);
  const memory = median(runs.map(({ peakRssBytes }) => peakRssBytes)) / 2 ** 20;
  return [
    nameOf(line),
    `${kilo(rates.median)} (${kilo(rates.min)} to ${kilo(rates.max)})`,
    `${ratios.median.toFixed(2)} (${ratios.min.toFixed(2)} to ${ratios.max.toFixed(2)})`,
    line.isRepeatSafe ? 'yes' : 'no',
    `${cpu((run) => run.clientCpuSeconds)} / ${cpu((run) => run.localCpuSeconds)} / ${cpu((run) => run.remoteCpuSeconds)} s`,
    line.usesOtherPrograms ? '' : `${memory.toFixed(0)} MB`,
  ];
}

function toShareNote({ rows }: UploadLine, all: number): string {
  return rows === all ? '' : `; measured with ${rows.toLocaleString('en')} rows`;
}

function toRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function kilo(rate: number): string {
  return `${(rate / 1_000).toFixed(rate < 10_000 ? 1 : 0)}k`;
}
