import { Argument, InvalidArgumentError } from 'commander';
import { loadConfig } from '../../config/load.js';
import { type Answer, type CommandSpec, type Context, UsageError } from '../command.js';

const ACTIONS = ['list', 'show', 'retry'] as const;
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 10_000;

/** What was asked for, as the command line has it. */
interface QuarantineOptions {
  readonly operands?: readonly string[];
  readonly limit: number;
  readonly reason?: string;
  readonly all?: true;
}

/** `meter-sync quarantine` */
export const quarantine: CommandSpec<QuarantineOptions> = {
  name: 'quarantine',
  summary: 'readings that the remote refuses: list, show one, or let the next cycle try them again',
  description:
    'Readings that the remote refuses for a reason of their own stay in their table at the site, with the reason; the others ' +
    'go on. list: how many for which reason, and the newest. show KEY: all that is known of one. retry: the next cycle takes ' +
    'them again, chosen by key, by reason, or all. A key of several columns is a JSON array of texts. Values are never shown.',
  examples: [
    'meter-sync quarantine list --site north',
    'meter-sync quarantine show 7f3d6a2e-0c1b-4f6e-9a57-2f1f1f6f8a10 --site north',
    'meter-sync quarantine retry --reason 23503 --site north',
  ],
  addOptions: (command) =>
    void command
      .addArgument(new Argument('<action>', 'what to do').choices(ACTIONS))
      .argument('[key...]', 'keys of readings, for show and retry')
      .option('--limit <readings>', 'list: so many readings at most', parseLimit, DEFAULT_LIMIT)
      .option('--reason <sqlstate>', "retry: those that were refused with this code of PostgreSQL's, or: conflict")
      .option('--all', 'retry: all of them'),
  run,
};

async function run(context: Context, options: QuarantineOptions): Promise<Answer> {
  const [action, ...keys] = options.operands ?? [];
  checkUsage(action, keys, options);
  const { local, siteId, tables } = loadConfig(context.sources);
  const [{ withDatabase }, actions] = await Promise.all([
    import('../open-database.js'),
    import('../quarantine/actions.js'),
  ]);
  return withDatabase(local, 'local', (database) => {
    const asked = { database, siteId, keyColumns: tables.readings.key };
    if (action === 'list') return actions.list(context.output, asked, options.limit);
    if (action === 'show') return actions.show(context.output, asked, keys[0] ?? '');
    return actions.retry(asked, { keys, reason: options.reason ?? null });
  });
}

function checkUsage(action: string | undefined, keys: readonly string[], { reason, all }: QuarantineOptions): void {
  const refuse = (message: string): never => {
    throw new UsageError(message, 'meter-sync quarantine --help');
  };
  const ways = [keys.length > 0, reason !== undefined, all === true].filter(Boolean).length;
  if (action === 'retry') {
    if (ways === 1) return;
    refuse('quarantine retry wants one of: keys, --reason SQLSTATE, --all');
  }
  if (reason !== undefined || all === true)
    refuse(`--reason and --all belong to quarantine retry, not to ${action ?? 'list'}`);
  if (action === 'show' && keys.length !== 1) refuse('quarantine show wants one key');
  if (action === 'list' && keys.length > 0) refuse('quarantine list takes no key; expected quarantine show KEY');
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new InvalidArgumentError(`Wanted a whole number from 1 to ${MAX_LIMIT}.`);
}
