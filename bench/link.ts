import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A slow way to a server, which counts what passes. */
export interface Link {
  /** The server's URL by this way. */
  readonly url: (direct: string) => string;
  /** Bytes of both directions so far, without the headers of TCP and IP. */
  readonly readBytes: () => Promise<number>;
  readonly close: () => Promise<void>;
}

/** Opens a way to a server that takes `roundTripMs` there and back; bandwidth is not limited. */
export async function openLink(serverUrl: string, roundTripMs: number): Promise<Link> {
  const { hostname, port } = new URL(serverUrl);
  const program = fileURLToPath(new URL('./delay-proxy.ts', import.meta.url));
  const child = fork(program, [hostname, port, String(roundTripMs / 2)], { stdio: [0, 2, 2, 'ipc'] });
  const [ready] = (await once(child, 'message')) as [{ port: number }];
  return {
    url: (direct) => {
      const url = new URL(direct);
      url.port = String(ready.port);
      return url.href;
    },
    readBytes: async () => {
      const answer = once(child, 'message') as Promise<[{ toServer: number; toClient: number }]>;
      child.send('how much');
      const [{ toServer, toClient }] = await answer;
      return toServer + toClient;
    },
    close: async () => {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}
