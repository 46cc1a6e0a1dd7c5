import { Argument } from 'commander';
import { inspectSites } from '../../config/load.js';
import { toProblemText } from '../../config/check/problems.js';
import { PREFIXES } from '../../config/define/connection-schema.js';
import type { SettingInForce } from '../../config/read/settings-in-force.js';
import { toTemporalAccess } from '../../temporal/connection.js';
import type { Answer, CommandSpec, Context } from '../command.js';

interface ConfigOptions {
  readonly all?: true;
}

/** `meter-sync config` */
export const config: CommandSpec<ConfigOptions> = {
  name: 'config',
  summary: 'show which settings are in force, and where each one comes from',
  description:
    'Shows each setting with its value and where it was found: option, environment, file or default. Secrets are never shown. ' +
    'Asks no server. Exit code 2 when settings cannot be used.',
  examples: ['meter-sync config show --site north', 'meter-sync config show --all --json'],
  addOptions: (command) =>
    void command
      .addArgument(new Argument('<action>', 'what to do').choices(['show']))
      .option('--all', 'settings that are not set, too'),
  run: (context, options) => Promise.resolve(show(context, options)),
};

function show({ sources, output }: Context, { all }: ConfigOptions): Answer {
  const sites = inspectSites(sources, sources.options?.['METER_SYNC_SITE'] !== undefined).map(
    ({ siteId, site, problems, inForce }) => ({
      siteId,
      settings: [...inForce, ...(site === null ? [] : addTemporal(inForce, site.temporal))],
      problems,
    }),
  );
  const isUsable = sites.every(({ problems }) => problems.length === 0);
  const blocks = sites.map(({ siteId, settings, problems }) =>
    [
      output.paint('heading', `Site ${siteId ?? '(unknown)'}`),
      ...problems.map((problem) => output.paint('bad', toProblemText(problem))),
      output.table(['setting', 'value', 'from'], settings.filter((one) => all === true || isTold(one)).map(toRow)),
    ].join('\n'),
  );
  return { exitCode: isUsable ? 0 : 2, document: { ok: isUsable, sites }, text: output.fit(blocks.join('\n\n')) };
}

/** Of the many settings of a connection those that nobody has set tell little. */
function isTold({ setting, where }: SettingInForce): boolean {
  if (where === 'not set') return false;
  return (
    where !== 'default' ||
    !Object.values(PREFIXES).some((prefix) => setting.startsWith(prefix)) ||
    /_(USER|DB|PORT)$/.test(setting)
  );
}

function toRow({ setting, value, where }: SettingInForce): string[] {
  return [setting, value ?? '–', where];
}

/** Address and namespace may also come from Temporal's own file, which its library reads. */
function addTemporal(
  inForce: readonly SettingInForce[],
  settings: Parameters<typeof toTemporalAccess>[0],
): SettingInForce[] {
  const { address, namespace } = toTemporalAccess(settings);
  const found = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
  return Object.entries(found)
    .filter(([setting]) => !inForce.some((one) => one.setting === setting))
    .map(([setting, value]) => ({ setting, value, where: "Temporal's own file, or its default" }));
}
