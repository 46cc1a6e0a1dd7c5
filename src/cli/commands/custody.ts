import { Argument } from 'commander';
import { loadConfig } from '../../config/load.js';
import { type Answer, type CommandSpec, type Context, UsageError } from '../command.js';

const ACTIONS = ['show', 'seal', 'prune', 'rotate-key'] as const;

interface CustodyOptions {
  readonly operands?: readonly string[];
  readonly olderThan?: string;
  readonly yes?: true;
}

/** `meter-sync custody` */
export const custody: CommandSpec<CustodyOptions> = {
  name: 'custody',
  summary: 'the records that prove deliveries: show key and sizes, seal, remove old ones, change the key',
  description:
    'Each batch leaves a signed custody record on the remote. show: the fingerprint of the key, the newest record, seals and sizes. ' +
    'seal: check the records since the newest seal and sign what they add up to; the first upload of a month does it, too. ' +
    'prune: remove records under a seal that are older than --older-than; shows what it would remove unless --yes is given. ' +
    'rotate-key: a new key, which the old one vouches for.',
  examples: [
    'meter-sync custody show --site north',
    'meter-sync custody seal --site north',
    'meter-sync custody prune --older-than 400d --site north',
  ],
  addOptions: (command) =>
    void command
      .addArgument(new Argument('<action>', 'what to do').choices(ACTIONS))
      .option('--older-than <days>', 'prune: records that are older, such as 400d')
      .option('--yes', 'prune: remove them'),
  run,
};

async function run(context: Context, options: CustodyOptions): Promise<Answer> {
  const action = options.operands?.[0];
  const olderThanDays = readDays(action, options);
  const { siteId, local, remote, tables } = loadConfig(context.sources);
  if (tables.readings.custody === 'off') return toOff(siteId);
  const [{ withDatabase }, actions, { untilTold }] = await Promise.all([
    import('../open-database.js'),
    import('../custody/actions.js'),
    import('../until-told.js'),
  ]);
  if (action === 'rotate-key')
    return withDatabase(local, 'local', (here) => actions.rotateKey({ siteId, local: here }));
  const { signal, stopListening } = untilTold(context.output);
  context.defer(stopListening);
  return withDatabase(local, 'local', (here) =>
    withDatabase(remote, 'remote', (there) => {
      const asked = { siteId, local: here, remote: there };
      if (action === 'seal') return actions.seal(asked, signal);
      if (action === 'prune') return actions.prune(asked, { olderThanDays, isWanted: options.yes === true });
      return actions.show(context.output, asked);
    }),
  );
}

/** Records of the last month are worth more than their room. */
const LEAST_DAYS = 31;

function readDays(action: string | undefined, { olderThan, yes }: CustodyOptions): number {
  const refuse = (message: string): never => {
    throw new UsageError(message, 'meter-sync custody --help');
  };
  if (action !== 'prune') {
    if (olderThan !== undefined || yes === true) refuse('--older-than and --yes belong to custody prune');
    return 0;
  }
  const days = Number(/^(\d{1,5})d$/.exec(olderThan ?? '')?.[1] ?? 0);
  if (days < LEAST_DAYS)
    refuse(`custody prune: --older-than is ${olderThan ?? 'missing'}; expected days, ${LEAST_DAYS}d or more`);
  return days;
}

function toOff(siteId: string): Answer {
  const message = `METER_SYNC_CUSTODY is off for site ${siteId}: there are no custody records`;
  const next = 'Set METER_SYNC_CUSTODY to full, where the customer allows it';
  return {
    exitCode: 1,
    document: { ok: false, error: { code: 'custodyOff', message, next } },
    text: `${message}\nnext: ${next}`,
  };
}
