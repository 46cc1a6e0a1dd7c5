import { type Crew, openCrew } from './crew.js';
import { createDatabases, type LabDatabases, UNKNOWN_METER, SITE } from './databases.js';
import { ACTS, type Fault, type Scene } from './faults.js';
import { season, toReadings } from './flavour.js';
import type { Lab } from './lab.js';
import { consult, type Findings } from './oracle.js';
import type { RunPlan } from './plan.js';
import { createChance } from './random.js';
import { WORKER } from '../../support/rights.js';
import type { WorkOrder } from './worker-messages.js';
import { insertReadings, plantConflict, startWriters, type Writings } from './writers.js';

/** A fault that was tried, and how long it took until an attempt went well again. */
export interface Tried {
  readonly fault: Fault;
  /** Null: the protocol did not come by that place. */
  readonly recoveryMs: number | null;
}

/** What one run has come to. */
export interface RunResult {
  readonly tried: readonly Tried[];
  readonly findings: Findings;
  readonly writings: Writings;
  /** Failures that no fault explains, and what never ended. */
  readonly strange: readonly string[];
}

const MAX_DURATION_MS = 250;
/** A fault after which nothing goes well for so long has wedged the engine. */
const RECOVERY_MS = 30_000;

/** Fresh databases, a worker, writers at work; fault after fault; at the end the queue is drained and the oracle consulted. */
export async function runOnce(lab: Lab, plan: RunPlan): Promise<RunResult> {
  const databases = await createDatabases(lab.servers, `run_${plan.number}`);
  const { local, remote } = databases;
  await season(databases, plan.flavour);
  lab.proxies.remote.target = {
    host: '127.0.0.1',
    port: plan.isPooled ? lab.pooler!.port : lab.servers.remote.door.port,
  };
  await local.sql(insertReadings('good'), [plan.readings]);
  if (plan.hasBadReadings)
    for (const kind of ['ofUnknownMeter', 'tooLarge'] as const) await local.sql(insertReadings(kind), [2]);
  const crew = await openCrew(lab.workers, toOrder(lab, databases, plan));
  const scene: Scene = { lab, databases, crew, isPooled: plan.isPooled };
  const writers = startWriters(databases, createChance(plan.seed));
  const tried: Tried[] = [];
  const strange: string[] = [];
  for (const fault of plan.faults) tried.push(await tryFault(scene, fault, strange));
  await writers.stop();
  if (plan.heals) await remote.sql(`insert into meter values (${UNKNOWN_METER})`);
  if (!(await crew.drained()))
    strange.push(`the queue was not drained; the last failure: ${crew.lastFailure() ?? 'none'}`);
  lab.proxies.local.cut();
  lab.proxies.remote.cut();
  const findings = await consult(databases, SITE, plan);
  await Promise.all([local.drop(), remote.drop()]);
  return { tried, findings, writings: writers.done, strange: [...strange, ...crew.strange] };
}

/** What a worker of a run is told. Toxiproxy stands in its way only where it is to spoil it, since it costs a hop. */
export function toOrder(
  { servers, toxic, proxies }: Lab,
  { local }: LabDatabases,
  { batchRows, faults, flavour }: Pick<RunPlan, 'batchRows' | 'faults' | 'flavour'>,
): WorkOrder {
  const password = servers.folder.password;
  const isToxic = faults.some(({ kind }) => kind === 'toxiproxy');
  const way = (side: 'local' | 'remote'): WorkOrder['local'] => ({
    ...{ database: local.name, user: WORKER, password },
    port: (isToxic ? toxic?.[side].port : undefined) ?? proxies[side].port,
  });
  const readings = toReadings(flavour);
  return {
    siteId: SITE,
    readings,
    local: way('local'),
    remote: way('remote'),
    batchRows,
    maxDurationMs: MAX_DURATION_MS,
  };
}

/** Attempts that may go well while a trap is armed, before its place is taken as out of reach. */
const MAX_QUIET_ATTEMPTS = 8;

async function tryFault(scene: Scene, fault: Fault, strange: string[]): Promise<Tried> {
  const { lab, databases, crew } = scene;
  const proxy = lab.proxies[fault.side];
  let startedAt = 0;
  let mend: (() => Promise<void>) | undefined;
  const sprung = new Promise<true>((resolve) => {
    const act: NonNullable<typeof proxy.trap>['act'] = async (link) => {
      startedAt = performance.now();
      try {
        const done = await ACTS[fault.kind](scene, fault, link);
        mend = done.mend;
        return done.sequel;
      } catch (error) {
        strange.push(`the fault ${fault.kind} itself failed: ${String(error)}`);
        return 'cut';
      } finally {
        resolve(true);
      }
    };
    proxy.trap = { ...fault, act };
  });
  const feedOnce = (): Promise<void> =>
    feed(databases, fault).catch((error: unknown) => {
      if (startedAt === 0) throw error; // else the fault has struck already, on what the writers had sent, and our connection with it
    });
  await feedOnce();
  for (let quiet = 0; !(await Promise.race([sprung, nextQuiet(crew)])) && startedAt === 0; quiet += 1) {
    if (quiet >= MAX_QUIET_ATTEMPTS) break;
    await feedOnce();
  }
  if (startedAt === 0) {
    proxy.trap = null;
    return { fault, recoveryMs: null };
  }
  await sprung;
  await mend?.().catch((error: unknown) =>
    strange.push(`after ${fault.kind} the world was not made whole: ${String(error)}`),
  );
  await recover(crew, fault, strange);
  return { fault, recoveryMs: performance.now() - startedAt };
}

/** Settles, with nothing, when an attempt has ended while the trap was armed. */
async function nextQuiet(crew: Crew): Promise<undefined> {
  await crew.nextAttempt();
}

/** Something to send, whatever the writers do; for the careful path something that it is needed for. */
async function feed(databases: LabDatabases, { isCareful }: Fault): Promise<void> {
  await databases.local.sql(insertReadings('good'), [100]);
  if (!isCareful) return;
  await databases.local.sql(insertReadings('tooLarge'), [1]);
  await plantConflict(databases);
}

async function recover(crew: Crew, fault: Fault, strange: string[]): Promise<void> {
  if (await crew.nextSuccess(RECOVERY_MS)) return;
  strange.push(
    `nothing went well for ${RECOVERY_MS} ms after ${fault.kind}; the last failure: ${crew.lastFailure() ?? 'none'}`,
  );
}
