import { Command, CommanderError, Option } from 'commander';
import { listSettings } from '../config/define/all-settings.js';
import { renderHelp } from '../config/print/render-settings.js';
import { toOption as toOptionName } from '../config/read/layers.js';
import { findSimilarName } from '../model/similar-name.js';
import type { CommandSpec } from './command.js';
import { COMMANDS } from './commands.js';

/** A command that was chosen on the command line, and its options. */
export interface Chosen {
  readonly spec: CommandSpec<never>;
  /** Options that stand for settings, by the setting's name. */
  readonly settings: Readonly<Record<string, string>>;
  /** All options, the command's own among them; `operands` are the words that belong to no option. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** What a command line comes to. */
type Parsed =
  | { readonly is: 'command'; readonly chosen: Chosen }
  /** Help or the version was asked for. */
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'wrong'; readonly message: string; readonly next: string };

/** Options that every command takes. */
const COMMON_SETTINGS = ['METER_SYNC_SITE', 'METER_SYNC_CONFIG'];
/** Options of the commands that talk to Temporal; all do. */
const TEMPORAL_OPTIONS: Readonly<Record<string, string>> = {
  TEMPORAL_ADDRESS: 'host:port of Temporal',
  TEMPORAL_NAMESPACE: 'namespace in Temporal',
  TEMPORAL_PROFILE: "profile of Temporal's own settings file",
};

/** Reads a command line; nothing is run and nothing is printed. */
export function parseCommandLine(args: readonly string[], version: string): Parsed {
  let chosen: Chosen | undefined;
  let text = '';
  const program = new Command('meter-sync')
    .description("Keeps a metering site's PostgreSQL and its customer's PostgreSQL in step, on Temporal.")
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (out) => (text += out), writeErr: (out) => (text += out) })
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      () =>
        `\nExample:\n  $ meter-sync demo\n\n${renderHelp()}\n\nExit codes: 0 fine, 1 not fine, 2 bad usage or settings`,
    );
  for (const spec of COMMANDS) {
    const command = addCommand(program, spec);
    command.action(() => {
      chosen = toChosen(spec, command);
    });
  }
  try {
    program.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { is: 'text', text: text.trimEnd() };
    const name = COMMANDS.find((spec) => spec.name === args[0])?.name;
    const next = name === undefined ? 'meter-sync --help' : `meter-sync ${name} --help`;
    return { is: 'wrong', message: error.code === 'commander.help' ? 'missing command' : toUsageText(text), next };
  }
  return chosen === undefined ? { is: 'text', text } : { is: 'command', chosen };
}

/** What commander says of a wrong usage, in one line of ours. */
function toUsageText(told: string): string {
  const text = told.replace(/^error: /, '').trim();
  const [, what, value, name, choices] =
    /^(command-argument value|option .* argument) '(.*)' is invalid(?: for argument '(.*)')?\. Allowed choices are (.*)\.$/.exec(
      text,
    ) ?? [];
  if (what === undefined || value === undefined || choices === undefined) {
    return text.replace(/\s*\(Did you mean (.*)\?\)$/, '; did you mean $1?');
  }
  const similar = findSimilarName(value, choices.split(', '));
  const ask = similar === null ? `; expected one of ${choices}` : `; did you mean ${similar}?`;
  return name === undefined
    ? `${what.replace(/ argument$/, '')}: unknown value '${value}'${ask}`
    : `unknown ${name} '${value}'${ask}`;
}

function addCommand(program: Command, spec: CommandSpec<never>): Command {
  const command = program
    .command(spec.name)
    .summary(spec.summary)
    .description(spec.description ?? spec.summary);
  spec.addOptions?.(command);
  const hasDefaults = spec.givenOnly !== true;
  for (const name of spec.settings ?? []) command.addOption(toOption(name, hasDefaults));
  for (const name of COMMON_SETTINGS) command.addOption(toOption(name, true));
  for (const [name, text] of Object.entries(TEMPORAL_OPTIONS)) {
    command.addOption(new Option(`--${toFlag(name)} <value>`, `${text} (${name})`));
  }
  command.option('--json', 'answer with one JSON document on standard output');
  command.option('--debug', 'show the stack trace of an error (METER_SYNC_DEBUG)');
  const examples = spec.examples.map((example) => `  $ ${example}`);
  return command.addHelpText('after', `\nExample${examples.length > 1 ? 's' : ''}:\n${examples.join('\n')}`);
}

function toOption(name: string, hasDefault: boolean): Option {
  const setting = listSettings().find((known) => known.name === name);
  if (setting === undefined) throw new Error(`there is no setting ${name} to make an option of`);
  const { text, fallback, unit } = setting.facts;
  const shown = [
    text,
    ...(fallback === null || !hasDefault ? [] : [`default: ${fallback}${unit === undefined ? '' : ` ${unit}`}`]),
  ];
  return new Option(`--${toFlag(name)} <value>`, `${shown.join('; ')} (${name})`);
}

function toFlag(name: string): string {
  return toOptionName(name).replace(/^--/, '');
}

function toChosen(spec: CommandSpec<never>, command: Command): Chosen {
  const options = command.opts<Record<string, unknown>>();
  const names = [...(spec.settings ?? []), ...COMMON_SETTINGS, ...Object.keys(TEMPORAL_OPTIONS)];
  const given = names.flatMap((name) => {
    const value = options[toFlag(name).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  const operands = command.args.length === 0 ? {} : { operands: command.args };
  return { spec, settings: Object.fromEntries(given), options: { ...options, ...operands } };
}
