import { describeMachine } from '../machine.js';
import { count, megabytes, toTable } from '../markdown.js';
import { median, spread } from '../statistics.js';
import type { DownloadLine, DownloadResult } from './result.js';

const HEAD = [
  'Case',
  'Way',
  'time: median (min to max)',
  'times the first way',
  'bytes on the wire',
  'CPU: program / site / customer',
  'memory',
];

/** The result as Markdown: a table for each number of rows. */
export function toDownloadMarkdown(result: DownloadResult): string {
  const { lines, columns, meters, rounds, delayMs, machine } = result;
  const distance = delayMs === 0 ? '' : `, ${delayMs} ms of round trip to the remote`;
  const notes = new Map(lines.map(({ name, note }) => [name, note]));
  return [
    `### Download of ${columns} columns${distance}`,
    '',
    `${rounds} interleaved rounds, ${meters} meters. Connections stood before the clock began. Tables compared after every run.`,
    '',
    ...[...new Set(lines.map(({ rows }) => rows))].flatMap((rows) => [
      `**${count(rows)} rows**`,
      '',
      toTable([HEAD, ...lines.filter((line) => line.rows === rows).map((line) => toCells(line, lines))]),
      '',
    ]),
    ...[...notes].map(([name, note]) => `* ${name}: ${note}.`),
    ...lines.flatMap((line) =>
      line.problems.map((problem) => `* FAILED: ${line.rows} rows, ${line.case}: ${line.name}: ${problem}`),
    ),
    '',
    describeMachine(machine),
    '',
  ].join('\n');
}

/** How many times as fast as the first way of the same case, round by round. */
export function timesOf(line: DownloadLine, lines: readonly DownloadLine[]): number[] {
  const base = lines.find((other) => other.rows === line.rows && other.case === line.case);
  return line.runs.flatMap(({ seconds }, round) => {
    const other = base?.runs[round];
    return other === undefined ? [] : [other.seconds / seconds];
  });
}

function toCells(line: DownloadLine, lines: readonly DownloadLine[]): string[] {
  if (line.runs.length === 0) return [line.case, line.name, 'FAILED', '', '', '', ''];
  const seconds = spread(line.runs.map((run) => run.seconds));
  const times = median(timesOf(line, lines));
  const cpu = [
    median(line.runs.map((run) => run.clientCpuSeconds)),
    median(line.runs.map((run) => run.localCpuSeconds)),
    median(line.runs.map((run) => run.remoteCpuSeconds)),
  ];
  return [
    line.case,
    line.name,
    `${time(seconds.median)} (${time(seconds.min)} to ${time(seconds.max)})`,
    times.toFixed(times < 10 ? 2 : 0),
    count(line.bytes),
    cpu.map((seconds) => cpuTime(seconds, line)).join(' / '),
    line.usesOtherPrograms ? '' : megabytes(median(line.runs.map(({ peakRssBytes }) => peakRssBytes))),
  ];
}

/** The system counts in hundredths of a second: what ran only once cannot be told more exactly. */
function cpuTime(seconds: number, { changedRows }: DownloadLine): string {
  return changedRows > 0 && seconds < 0.01 ? '< 10 ms' : time(seconds);
}

function time(seconds: number): string {
  return seconds < 1 ? `${(seconds * 1_000).toFixed(seconds < 0.01 ? 1 : 0)} ms` : `${seconds.toFixed(2)} s`;
}
