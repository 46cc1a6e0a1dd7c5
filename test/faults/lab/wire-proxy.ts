import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Link, type Sequel } from './link.js';

/** Where in the life of a statement a fault comes. */
export type Moment =
  /** The server never sees the statement. */
  | 'before'
  /** The server has done it, and the answer is lost. */
  | 'answerLost'
  /** The answer has just been delivered. */
  | 'after'
  /** In the middle of the rows of a COPY. */
  | 'inStream';

/** A place in the protocol where a fault waits. */
export interface Trap {
  readonly statement: string;
  readonly moment: Moment;
  /** So many times the statement passes before. */
  readonly skip: number;
  /** For `inStream`: after so many bytes of rows, or at their end when they are fewer. */
  readonly bytes: number;
}

/** A trap, and what springs from it. Everything on that connection waits until `act` has settled. */
export interface ArmedTrap extends Trap {
  readonly act: (link: Link) => Promise<Sequel>;
}

/** A proxy that understands PostgreSQL's protocol well enough to stop it at any statement. */
export interface WireProxy {
  readonly port: number;
  /** May be changed at any time, for new connections. */
  target: { readonly host: string; readonly port: number };
  /** The one trap that is armed; null: everything passes. */
  trap: (ArmedTrap & { skip: number }) | null;
  /** Hears the name of each statement. */
  onStatement: ((name: string) => void) | null;
  /** Destroys all connections. */
  readonly cut: () => void;
  readonly close: () => Promise<void>;
}

/** Opens a proxy in front of a server of 127.0.0.1. It passes everything until a trap is armed. */
export async function openWireProxy(port: number): Promise<WireProxy> {
  const links = new Set<Link>();
  const listener = createServer({ noDelay: true }, (client) => {
    const link = new Link(client, proxy.target, { takeTrap: (name) => takeTrap(proxy, name) });
    links.add(link);
    link.onClose = () => links.delete(link);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const cut = (): void => links.forEach((link) => link.destroy());
  const proxy: WireProxy = {
    port: (listener.address() as AddressInfo).port,
    target: { host: '127.0.0.1', port },
    trap: null,
    onStatement: null,
    cut,
    close: async () => {
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
  return proxy;
}

/** Springs once. */
function takeTrap(proxy: WireProxy, statement: string): ArmedTrap | null {
  proxy.onStatement?.(statement);
  const { trap } = proxy;
  if (trap === null || trap.statement !== statement) return null;
  if (trap.skip > 0) {
    trap.skip -= 1;
    return null;
  }
  proxy.trap = null;
  return trap;
}
