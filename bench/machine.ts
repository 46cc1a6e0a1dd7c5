import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';
import { type Servers, sql } from './servers.js';

/** Where and with what a result came about: without it no figure can be judged. */
export interface Machine {
  readonly measuredAt: string;
  /** The commit of the product, with a mark when files differed from it. */
  readonly commit: string;
  readonly cpus: number;
  readonly cpuModel: string;
  readonly memoryGigabytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly psql: string;
  readonly local: ServerFacts;
  readonly remote: ServerFacts;
}

interface ServerFacts {
  readonly version: string;
  /** Every setting that is not what `initdb` makes it, without names and places. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Looks at the machine and at both servers. */
export async function readMachine(servers: Servers): Promise<Machine> {
  const [commit, changes] = [
    say('git', 'rev-parse', '--short=10', 'HEAD'),
    say('git', 'status', '--porcelain', '-uno'),
  ];
  return {
    measuredAt: new Date().toISOString(),
    commit: changes === '' ? commit : `${commit} with changes`,
    cpus: cpus().length,
    cpuModel: cpus()[0]?.model ?? 'unknown',
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.version,
    psql: say('psql', '--version'),
    local: await readFacts(servers.local.url()),
    remote: await readFacts(servers.remote.url()),
  };
}

/** The same in two lines. */
export function describeMachine(machine: Machine): string {
  const { local, remote } = machine;
  const settings = Object.entries(local.settings).map(([name, value]) => `${name}=${value}`);
  return [
    `${machine.cpus} CPUs (${machine.cpuModel}), ${machine.memoryGigabytes} GB, ${machine.kernel}; both servers and the client on this machine.`,
    `Node ${machine.node}, PostgreSQL ${local.version} (local) and ${remote.version} (remote), ${machine.psql}; ` +
      `settings: initdb's, and ${settings.join(', ')}. Commit ${machine.commit}, ${machine.measuredAt.slice(0, 16)}Z.`,
  ].join('\n');
}

/**
 * Makes sure that `psql` is there.
 * @throws Error it is not on the PATH
 */
export function checkPsql(): void {
  if (say('psql', '--version') !== '') return;
  throw new Error('psql is not on the PATH, and it is what we compare with. Install a PostgreSQL client first');
}

function say(program: string, ...args: string[]): string {
  return (spawnSync(program, args, { encoding: 'utf8' }).stdout ?? '').trim();
}

async function readFacts(url: string): Promise<ServerFacts> {
  const rows = await sql<{ name: string; value: string }>(
    url,
    `select name, current_setting(name) as value
     from pg_settings
     where source in ('command line', 'configuration file')
       and name not in ('data_directory', 'config_file', 'hba_file', 'ident_file', 'port', 'log_timezone')
       and (source = 'command line' or setting is distinct from boot_val)
       and name !~ '^(lc_|default_text_search|DateStyle|TimeZone)'
     order by name`,
  );
  const [version] = await sql<{ version: string }>(url, `select current_setting('server_version') as version`);
  return {
    version: version?.version ?? '',
    settings: Object.fromEntries(rows.map(({ name, value }) => [name, value])),
  };
}
