import type { Side } from '../../../src/model/failures.js';
import type { Tell } from '../../../src/dev/stack/process/tell.js';
import { WORKER } from '../../support/rights.js';
import { makeTemplates } from './databases.js';
import { missingPooler, type Pooler, startPooler } from './pgbouncer.js';
import { type LabServers, type ServerChoice, startServers } from './servers.js';
import { findToxiproxy, startToxiproxy, type ToxicLink, type Toxiproxy } from './toxiproxy.js';
import { openWireProxy, type WireProxy } from './wire-proxy.js';
import { openWorkers, type Workers } from './workers.js';

/**
 * Everything that the runs share. A worker's way to a database leads through Toxiproxy where a run spoils it, then through the
 * proxy that knows the protocol, on the remote side through PgBouncer where a run asks for it, and last through the door of the server.
 */
export interface Lab {
  readonly servers: LabServers;
  /** Undefined: PgBouncer is not installed. */
  readonly pooler: Pooler | undefined;
  /** Undefined: there is no Toxiproxy to be had. */
  readonly toxic: Readonly<Record<Side, ToxicLink>> | undefined;
  readonly proxies: Readonly<Record<Side, WireProxy>>;
  readonly workers: Workers;
  readonly close: () => Promise<void>;
}

/** Starts it all, and tells what is missing and what stands in for it. */
export async function openLab(tell: Tell, server?: ServerChoice): Promise<Lab> {
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.reverse()) await end();
  };
  try {
    const servers = await startServers(server);
    closing.push(servers.close);
    await makeTemplates(servers);
    const proxies = {
      local: await openWireProxy(servers.local.door.port),
      remote: await openWireProxy(servers.remote.door.port),
    };
    closing.push(proxies.local.close, proxies.remote.close);
    const toxiproxy = await openToxiproxy(servers.folder.path, tell);
    if (toxiproxy) closing.push(toxiproxy.stop);
    const toxic = toxiproxy && {
      local: await toxiproxy.link('local', proxies.local.port),
      remote: await toxiproxy.link('remote', proxies.remote.port),
    };
    const reason = missingPooler();
    if (reason !== null) tell(`NOT TRIED: the way through PgBouncer. ${reason}`);
    const pooler = reason === null ? await startPooler({ ...servers, user: WORKER }) : undefined;
    if (pooler) closing.push(pooler.stop);
    const workers = openWorkers();
    closing.push(workers.close);
    return { servers, pooler, toxic, proxies, workers, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openToxiproxy(folder: string, tell: Tell): Promise<Toxiproxy | undefined> {
  const binary = await findToxiproxy(tell);
  if (binary === undefined) tell(`WITHOUT Toxiproxy: the lab's own proxy cuts the connections of these faults.`);
  return binary === undefined ? undefined : startToxiproxy(binary, folder);
}
