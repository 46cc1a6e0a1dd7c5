import type { Adoption } from '../../../activities/upload/chain/adopt.js';
import { type Config, loadConfig } from '../../config/load.js';
import { askYesNo, canAsk } from '../ask.js';
import { type Answer, type CommandSpec, type Context, UsageError } from '../command.js';
import { toCount } from '../../model/words.js';
import { findOwner } from '../adopt/find-owner.js';
import { renderAdoption, toFence } from '../adopt/render-adoption.js';

interface AdoptOptions {
  readonly yes?: true;
  readonly acceptLoss?: true;
  readonly by?: string;
  readonly reason?: string;
}

/** `meter-sync adopt` */
export const adopt: CommandSpec<AdoptOptions> = {
  name: 'adopt',
  summary: "after a restore, by a person: take the remote's place in the custody chain as this site's own",
  description:
    'Shows where this site and the remote stand in the custody chain, who sent the last batch, what will happen, and asks. ' +
    'Readings that are on the remote already are found to be the same by the next upload and removed, none doubled. ' +
    'When nothing is to be decided it says so and changes nothing. Needs both databases; Temporal only to tell two workflows apart.',
  examples: [
    'meter-sync adopt --site north',
    'meter-sync adopt --site north --yes --json',
    "meter-sync adopt --site north --accept-loss --by anna --reason 'no backup has them'",
  ],
  addOptions: (command) =>
    void command
      .option('--yes', 'do not ask; for programs')
      .option('--accept-loss', 'write off the readings that are noted as lost at the remote; adopts nothing')
      .option('--by <name>', 'who writes them off')
      .option('--reason <text>', 'why; kept with the name and the time'),
  run: (context, options) => (options.acceptLoss === true ? acceptLoss(context, options) : run(context, options)),
};

async function run(context: Context, { yes }: AdoptOptions): Promise<Answer> {
  const config = loadConfig(context.sources);
  const { siteId, tables } = config;
  if (tables.readings.custody === 'off')
    return toAnswer(null, 'off', `METER_SYNC_CUSTODY is off: site ${siteId} has no chain, and nothing to adopt.`);
  const { adopt: take, readAdoption } = await import('../../../activities/upload/chain/adopt.js');
  const { withDatabase } = await import('../open-database.js');
  const owner = await findOwner(config);
  return withDatabase(config.local, 'local', (local) =>
    withDatabase(config.remote, 'remote', async (remote) => {
      const shown = await readAdoption({ local, remote }, { siteId, owner: owner.runId });
      const text = renderAdoption(shown, Date.now(), context.output);
      const unknown =
        owner.problem === null
          ? []
          : [`Whether another workflow has taken this site over is not known: ${owner.problem}`];
      const standing = toFence(shown) ?? (shown.standing as string);
      if (toFence(shown) === null) return toAnswer(shown, standing, [text, ...unknown].join('\n'));
      context.output.note([text, ...unknown].join('\n'));
      if (!(await isWanted(context, yes === true, config))) {
        return { ...toAnswer(shown, standing, 'Nothing was changed.'), exitCode: 1 };
      }
      const link = await take({ local, remote }, shown, new AbortController().signal);
      const done = link.seq === 0 ? 'the start of the chain' : `batch ${link.seq}`;
      return {
        document: { ...toDocument(shown, standing), adopted: link, next: nextOf(shown) },
        text: `Site ${siteId} now stands at ${done}, as the remote does. The next cycle uploads again by itself.\nnext: ${nextOf(shown)}`,
      };
    }),
  );
}

/** Writes off what is lost; a person answers for it by name. */
async function acceptLoss(context: Context, { by = '', reason = '' }: AdoptOptions): Promise<Answer> {
  const { siteId, local } = loadConfig(context.sources);
  if (by.trim() === '' || reason.trim() === '') {
    const next = `meter-sync adopt --site ${siteId} --accept-loss --by NAME --reason TEXT`;
    throw new UsageError(
      '--accept-loss needs --by and --reason: they are kept with the loss; nothing was changed',
      next,
    );
  }
  const { writeOffLost } = await import('../../../activities/upload/keep/lost.js');
  const { withDatabase } = await import('../open-database.js');
  const readings = await withDatabase(local, 'local', (database) => writeOffLost(database, siteId, { by, reason }));
  const text =
    readings === 0
      ? `Site ${siteId}: no reading is noted as lost at the remote; nothing was changed.`
      : `Site ${siteId}: ${toCount(readings)} lost readings are written off by ${by}. The status tells it after the next cycle.`;
  return { document: { ok: true, siteId, writtenOff: readings, by, reason }, text };
}

/** Lost readings that are kept come first: the command sends exactly those days. */
function nextOf({ siteId, missing, kept }: Adoption): string {
  if (missing !== null && kept.rows > 0) return `meter-sync resend --site ${siteId} --missing`;
  return `meter-sync sync-now --site ${siteId} --wait, and then meter-sync verify --site ${siteId}`;
}

async function isWanted({ output }: Context, yes: boolean, { siteId }: Config): Promise<boolean> {
  if (yes) return true;
  if (output.isJson || !canAsk()) {
    throw new UsageError(
      'adopt needs a person on a terminal, or --yes; nothing was changed',
      `meter-sync adopt --site ${siteId} --yes`,
    );
  }
  return askYesNo('Go on?');
}

function toAnswer(shown: Adoption | null, standing: string, text: string): Answer {
  return {
    document: { ...(shown === null ? { ok: true, standing } : toDocument(shown, standing)), adopted: null },
    text,
  };
}

function toDocument({ siteId, here, there, missing, kept }: Adoption, standing: string): object {
  const { seq, digest, movedAt, lastTimestamp, takenOverBy } = here.chain;
  const local = { seq, digest, movedAt, lastTimestamp, rows: here.state.rows, takenOverBy };
  return { ok: true, siteId, standing, local, remote: there.head, missing, kept };
}
