import { readFileSync, writeFileSync } from 'node:fs';
import { AT_ONCE, type Failure } from './failures.js';
import type { Measured, Seconds } from './suffer.js';
import { type Surface, SURFACES } from './surfaces.js';

const PAGE = new URL('../../docs/operations.md', import.meta.url);
const [BEGIN, END] = ['<!-- matrix:begin -->', '<!-- matrix:end -->'];

/** What docs/operations.md says of each failure, without the seconds, which differ from run to run. */
export function readMatrix(): readonly string[] {
  return sectionOf(readFileSync(PAGE, 'utf8')).map((row) => row.split(' | ').slice(0, 2).join(' | '));
}

/** The same of these failures. */
export function toRows(failures: readonly Named[]): readonly string[] {
  return failures.map(toRow);
}

/** Writes what was measured into docs/operations.md: `METER_SYNC_WRITE_MATRIX=1`. */
export function writeMatrix(failures: readonly Named[], measured: readonly Measured[]): void {
  const page = readFileSync(PAGE, 'utf8');
  const rows = failures.map((failure) => {
    const { told = {}, over = {} } = measured.find(({ name }) => name === failure.name) ?? {};
    const others = SURFACES.filter((surface) => !AT_ONCE.includes(surface));
    const heard = Object.fromEntries(Object.entries(over).filter(([surface]) => surface in told));
    return `${toRow(failure)} | ${latest(told, AT_ONCE)} | ${latest(told, others)} | ${latest(heard, SURFACES)} |`;
  });
  const [before = '', after = ''] = [page.split(BEGIN)[0], page.split(END)[1]];
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${HEAD}\n${rows.join('\n')}\n\n${END}${after}`);
}

type Named = Pick<Failure, 'name' | 'verdict' | 'card'>;

const HEAD = `| What happens | Verdict (card) | \`status\`, health, metrics | Web UI, search attribute, memo | Over |
|---|---|---|---|---|`;

function toRow({ name, verdict, card }: Named): string {
  return `| ${name} | \`${verdict}\`${card === verdict ? '' : ` (\`${card}\`)`}`;
}

/** When the last of these knew. */
function latest(seconds: Seconds, surfaces: readonly Surface[]): string {
  const known = surfaces.flatMap((surface) => seconds[surface] ?? []);
  return known.length === 0 ? '–' : `${Math.max(...known).toFixed(1)} s`;
}

function sectionOf(page: string): readonly string[] {
  const section = page.split(BEGIN)[1]?.split(END)[0] ?? '';
  return section.split('\n').filter((line) => /^\| .*`/.test(line) && !line.startsWith('| What happens'));
}
