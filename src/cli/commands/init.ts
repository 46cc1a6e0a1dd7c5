import { type Config, loadConfig, loadSites } from '../../config/load.js';
import type { Side } from '../../model/failures.js';
import type { Answer, CommandSpec, Context } from '../command.js';

const SIDES: readonly Side[] = ['local', 'remote'];

interface InitOptions {
  readonly print?: true;
  readonly sampleSchema?: true;
}

/** What was done at one end. */
interface Done {
  readonly siteId: string;
  readonly side: Side;
  readonly applied: readonly string[];
}

/** `meter-sync init` */
export const init: CommandSpec<InitOptions> = {
  name: 'init',
  summary: 'create or upgrade the meter_sync schema at both ends',
  description:
    'Creates or upgrades the schema meter_sync, which holds our bookkeeping, at both ends. Can be run again at any time, and by two processes at once.',
  examples: ['meter-sync init --site north', 'meter-sync init --print > for-the-dba.sql'],
  addOptions: (command) =>
    void command
      .option('--print', 'print the SQL for an administrator, and change nothing')
      .option(
        '--sample-schema',
        'also create the example tables (meter_readings, meter, tenant) where they are missing',
      ),
  run: (context, { print, sampleSchema }) =>
    print === true ? printSql(context, sampleSchema === true) : apply(context, sampleSchema === true),
};

/** Needs no database: the settings only tell which users get the rights, and without them nobody is named. */
async function printSql({ sources }: Context, withSample: boolean): Promise<Answer> {
  const { printMigrations } = await import('../../../activities/bookkeeping/migrations.js');
  const users = findUsers(sources);
  const sql = await Promise.all(
    SIDES.map(
      async (side) =>
        [
          side,
          [...(withSample ? [await readSample(side)] : []), printMigrations(side, users[side])].join('\n'),
        ] as const,
    ),
  );
  const text = sql.map(([side, statements]) => `-- The ${side} database\n${statements}`).join('\n');
  return { document: { ok: true, sql: Object.fromEntries(sql) }, text };
}

async function apply(context: Context, withSample: boolean): Promise<Answer> {
  const sites = loadSitesOf(context);
  const done: Done[] = [];
  for (const config of sites) {
    for (const side of listSides(config))
      done.push({ siteId: config.siteId, side, applied: await applyTo(config, side, withSample) });
  }
  const lines = done.map(
    ({ siteId, side, applied }) =>
      `Site ${siteId}, ${side} database: ${applied.length === 0 ? 'up to date' : `applied ${applied.join(', ')}`}${withSample ? '; the example tables are there' : ''}`,
  );
  return { document: { ok: true, databases: done }, text: [...lines, 'next: meter-sync check'].join('\n') };
}

/** Without custody there is no schema of ours on the remote. */
function listSides({ tables }: Config): readonly Side[] {
  return tables.readings.custody === 'off' ? ['local'] : SIDES;
}

async function applyTo(config: Config, side: Side, withSample: boolean): Promise<readonly string[]> {
  const { migrate } = await import('../../../activities/bookkeeping/migrations.js');
  const { ensureSiteKey } = await import('../../../activities/custody/records/site-key.js');
  const { withDatabase } = await import('../open-database.js');
  return withDatabase(config[side], side, async (database) => {
    if (withSample) await database.pool.query(await readSample(side));
    const { applied } = await migrate(database);
    if (side === 'local' && config.tables.readings.custody !== 'off') await ensureSiteKey(database, config.siteId);
    return applied;
  });
}

async function readSample(side: Side): Promise<string> {
  return (await import('../../dev/sample/schema.js')).sampleSchema(side);
}

function loadSitesOf({ sources }: Context): readonly Config[] {
  return sources.options?.['METER_SYNC_SITE'] === undefined ? loadSites(sources) : [loadConfig(sources)];
}

function findUsers(sources: Context['sources']): Readonly<Record<Side, string | null>> {
  try {
    const { local, remote } = loadConfig(sources);
    return { local: local.user, remote: remote.user };
  } catch {
    return { local: null, remote: null }; // the SQL can be printed anywhere, also where no database is set
  }
}
