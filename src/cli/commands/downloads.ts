import { Argument, InvalidArgumentError } from 'commander';
import { loadConfig } from '../../config/load.js';
import { type Decision, DECISIONS } from '../../model/guard.js';
import { type Answer, type CommandSpec, type Context, UsageError } from '../command.js';
import { whoAmI } from '../who-am-i.js';

const ACTIONS = ['show', ...DECISIONS, 'history'] as const;
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100_000;

interface DownloadsOptions {
  readonly operands?: readonly string[];
  readonly table?: string;
  readonly change?: string;
  readonly by?: string;
  readonly key?: string;
  readonly limit?: number;
}

/** `meter-sync downloads` */
export const downloads: CommandSpec<DownloadsOptions> = {
  name: 'downloads',
  summary: 'downloads that are held for a person: show, approve or reject; and what downloads have changed',
  description:
    'A download that looks like a mistake of the remote (an empty table, many rows gone, one column changed in nearly all ' +
    'rows) is held, and changes nothing. show: what is held, and why. approve: the next cycle applies exactly these changes. ' +
    'reject: the site keeps what it has, until the remote has other changes. history: each row that a download has changed. ' +
    'approve and reject need the worker of the site; show and history need its database alone. Values of secret columns are never shown.',
  examples: [
    'meter-sync downloads show --table meter --site north',
    'meter-sync downloads approve --table meter --change 3fa2b1c90d7e --site north',
    'meter-sync downloads history --table meter --key 4711 --site north',
  ],
  addOptions: (command) =>
    void command
      .addArgument(new Argument('<action>', 'what to do').choices(ACTIONS))
      .option('--table <table>', 'this table alone; approve and reject want it')
      .option('--change <change>', 'approve, reject: only if it is this change set that is held; show tells its name')
      .option('--by <name>', 'approve, reject: who decides; default: the user and the machine')
      .option(
        '--key <key>',
        'history: of the row with this key; a JSON array of texts where the key has several columns',
      )
      .option('--limit <rows>', `history: so many rows at most; default: ${DEFAULT_LIMIT}`, parseLimit),
  run,
};

async function run(context: Context, options: DownloadsOptions): Promise<Answer> {
  const action = options.operands?.[0] ?? 'show';
  checkUsage(action, options);
  if (action === 'approve' || action === 'reject') return decide(context, action, options);
  const { local, siteId } = loadConfig(context.sources);
  const table = options.table ?? null;
  const { withDatabase } = await import('../open-database.js');
  if (action === 'show') {
    const { showHolds } = await import('../downloads/show.js');
    return withDatabase(local, 'local', (database) => showHolds(context.output, database, { siteId, table }));
  }
  const { showHistory } = await import('../downloads/history.js');
  const question = { siteId, table, key: parseKey(options.key), limit: options.limit ?? DEFAULT_LIMIT };
  return withDatabase(local, 'local', (database) => showHistory(context.output, database, question));
}

async function decide(context: Context, decision: Decision, options: DownloadsOptions): Promise<Answer> {
  const { table = '', change, by = whoAmI() } = options;
  const { connectToSite } = await import('../connect-to-site.js');
  const { toDecided } = await import('../downloads/decided.js');
  const { site } = await connectToSite(context);
  const named = change === undefined ? {} : { change };
  return toDecided(site.siteId, await site.decideDownload({ table, decision, by, ...named }));
}

function checkUsage(action: string, { table, change, by, key, limit }: DownloadsOptions): void {
  const refuse = (message: string): never => {
    throw new UsageError(message, 'meter-sync downloads --help');
  };
  const isDecision = action === 'approve' || action === 'reject';
  if (isDecision && table === undefined) refuse(`downloads ${action}: --table is required`);
  if (!isDecision && (change !== undefined || by !== undefined))
    refuse('--change and --by belong to approve and reject');
  if (action !== 'history' && (key !== undefined || limit !== undefined)) refuse('--key and --limit belong to history');
}

/** One column's text as it stands, or several as a JSON array of texts. */
function parseKey(text: string | undefined): readonly string[] | null {
  if (text === undefined) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed) && parsed.every((part): part is string => typeof part === 'string')) return parsed;
  } catch {
    // no JSON: it is the text of the one column
  }
  return [text];
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new InvalidArgumentError(`Wanted a whole number from 1 to ${MAX_LIMIT}.`);
}
