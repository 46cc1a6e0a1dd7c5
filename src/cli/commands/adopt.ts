import type { Adoption } from '../../../activities/upload/custody/adopt.js';
import { type Config, loadConfig } from '../../config/load.js';
import { askYesNo, canAsk } from '../ask.js';
import { type Answer, type CommandSpec, type Context, UsageError } from '../command.js';
import { findOwner } from '../adopt/find-owner.js';
import { renderAdoption, toFence } from '../adopt/render-adoption.js';

interface AdoptOptions {
  readonly yes?: true;
}

/** `meter-sync adopt` */
export const adopt: CommandSpec<AdoptOptions> = {
  name: 'adopt',
  summary: "after a restore, by a person: take the remote's place in the custody chain as this site's own",
  description:
    'Shows where this site and the remote stand in the custody chain, who sent the last batch, what will happen, and asks. ' +
    'Readings that are on the remote already are found to be the same by the next upload and removed, none doubled. ' +
    'When nothing is to be decided it says so and changes nothing. Needs both databases; Temporal only to tell two workflows apart.',
  examples: ['meter-sync adopt --site north', 'meter-sync adopt --site north --yes --json'],
  addOptions: (command) => void command.option('--yes', 'do not ask; for programs'),
  run,
};

async function run(context: Context, { yes }: AdoptOptions): Promise<Answer> {
  const config = loadConfig(context.sources);
  const { siteId, tables } = config;
  if (tables.readings.custody === 'off')
    return toAnswer(null, 'off', `METER_SYNC_CUSTODY is off: site ${siteId} has no chain, and nothing to adopt.`);
  const { adopt: take, readAdoption } = await import('../../../activities/upload/custody/adopt.js');
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
        document: { ...toDocument(shown, standing), adopted: link, next: nextOf(siteId) },
        text: `Site ${siteId} now stands at ${done}, as the remote does. The next cycle uploads again by itself.\nnext: ${nextOf(siteId)}`,
      };
    }),
  );
}

function nextOf(siteId: string): string {
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

function toDocument({ siteId, here, there }: Adoption, standing: string): object {
  const { seq, digest, movedAt, lastTimestamp, takenOverBy } = here.chain;
  const local = { seq, digest, movedAt, lastTimestamp, rows: here.state.rows, takenOverBy };
  return { ok: true, siteId, standing, local, remote: there.head };
}
