import type { Measure } from '../contestant.js';
import { describeMachine } from '../machine.js';
import { count, megabytes, toTable } from '../markdown.js';
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
    `### Upload and remove ${count(rows)} readings, ${title}${distance}`,
    '',
    `${rounds} interleaved rounds. Ratio: to the first line of the same round. Content compared at both ends after every run.`,
    '',
    toTable([HEAD, ...lines.map((line) => toCells(line, result))]),
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
  if (line.runs.every((run) => run === null)) return [nameOf(line), 'FAILED', '', '', '', ''];
  const [rates, ratios] = [spread(ratesOf(line)), spread(ratiosOf(line, result))];
  const runs = line.runs.filter((run) => run !== null);
  const cpu = (read: (run: Measure) => number): string => ((median(runs.map(read)) * 1e6) / line.rows).toFixed(1);
  const memory = median(runs.map(({ peakRssBytes }) => peakRssBytes));
  return [
    nameOf(line),
    `${kilo(rates.median)} (${kilo(rates.min)} to ${kilo(rates.max)})`,
    `${ratios.median.toFixed(2)} (${ratios.min.toFixed(2)} to ${ratios.max.toFixed(2)})`,
    line.isRepeatSafe ? 'yes' : 'no',
    `${cpu((run) => run.clientCpuSeconds)} / ${cpu((run) => run.localCpuSeconds)} / ${cpu((run) => run.remoteCpuSeconds)} s`,
    line.usesOtherPrograms ? '' : megabytes(memory),
  ];
}

function toShareNote({ rows }: UploadLine, all: number): string {
  return rows === all ? '' : `; measured with ${count(rows)} rows`;
}

function kilo(rate: number): string {
  return `${(rate / 1_000).toFixed(rate < 10_000 ? 1 : 0)}k`;
}
