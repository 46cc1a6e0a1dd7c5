import { askSimilarSetting, findUnknownNames } from '../../config/define/all-settings.js';
import { inspectSites } from '../../config/load.js';
import { toCounted } from '../../model/words.js';
import type { CheckFinding } from '../check/finding.js';
import type { Answer, CommandSpec, Context } from '../command.js';
import type { Mark, Output } from '../output.js';

/** What was found about one site; `siteId` is null when its own setting is the problem. */
interface CheckedSite {
  readonly siteId: string | null;
  readonly findings: readonly CheckFinding[];
}

interface CheckOptions {
  readonly quiet?: true;
}

/** `meter-sync check` */
export const check: CommandSpec<CheckOptions> = {
  name: 'check',
  summary: 'what is wrong, and what to do: settings, both databases, tables, Temporal, the running site',
  description:
    'Looks at settings, both databases (version, rights, tables, keys, drift, index, who blocks, connections), Temporal, clocks and the ' +
    'running site (its verdict, holds, its place in the chain, workers), changes nothing, and tells everything at once, errors first. ' +
    'Exit code 1 when something is wrong, 2 when settings cannot be used.',
  examples: ['meter-sync check --site north', 'meter-sync check --quiet', 'meter-sync check --json'],
  addOptions: (command) => void command.option('--quiet', 'leave out the lines of what is ok'),
  run,
};

async function run(context: Context, { quiet }: CheckOptions): Promise<Answer> {
  const { sources, output } = context;
  const { checkSite } = await import('../check/check-site.js');
  const sites: CheckedSite[] = [];
  let exitCode: 0 | 1 | 2 = 0;
  for (const inspected of inspectSites(sources, sources.options?.['METER_SYNC_SITE'] !== undefined)) {
    const findings = await checkSite(inspected);
    sites.push({
      siteId: inspected.siteId,
      findings: [...(sites.length === 0 ? findMisspelt(sources.env) : []), ...findings],
    });
    if (inspected.problems.length > 0) exitCode = 2;
    else if (exitCode === 0 && findings.some(({ level }) => level === 'error')) exitCode = 1;
  }
  return { exitCode, document: { ok: exitCode === 0, sites }, text: output.fit(render(sites, output, quiet === true)) };
}

function findMisspelt(env: Context['sources']['env']): CheckFinding[] {
  return findUnknownNames(env).map((name) => ({
    level: 'warning',
    area: 'settings',
    message: `${name} is set, and there is no such setting${askSimilarSetting(name)}`,
    next: 'If it is misspelt, a default is in force in its place: docs/settings.md',
  }));
}

const MARKS: Readonly<Record<CheckFinding['level'], Mark>> = { ok: 'good', warning: 'warning', error: 'bad' };

function render(sites: readonly CheckedSite[], { paint }: Output, isQuiet: boolean): string {
  const blocks = sites.map(({ siteId, findings }) => {
    const lines = findings
      .filter(({ level }) => !isQuiet || level !== 'ok')
      .map(({ level, area, message, next }) => {
        const line = `${paint(MARKS[level], level.padEnd(8))}${area.padEnd(17)}${message}`;
        return next === null ? line : `${line}\n${' '.repeat(25)}next: ${next}`;
      });
    return [paint('heading', `Site ${siteId ?? '(unknown)'}`), ...lines].join('\n');
  });
  return [...blocks, sumUp(sites, paint)].join('\n');
}

function sumUp(sites: readonly CheckedSite[], paint: Output['paint']): string {
  const count = (level: CheckFinding['level']): number =>
    sites.flatMap(({ findings }) => findings).filter((finding) => finding.level === level).length;
  const [errors, warnings] = [count('error'), count('warning')];
  const mark = errors > 0 ? 'bad' : warnings > 0 ? 'warning' : 'good';
  const of = sites.length === 1 ? '' : ` at ${toCounted(sites.length, 'site')}`;
  const found = [toCounted(errors, 'error'), toCounted(warnings, 'warning'), `${count('ok')} ok`].join(', ');
  return paint(mark, `${found}${of}`);
}
