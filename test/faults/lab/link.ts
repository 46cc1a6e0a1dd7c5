import { connect, type Socket } from 'node:net';
import { nameStatement } from './statement-name.js';
import { createSplitter, FROM_CLIENT, FROM_SERVER, statementOf, typeOf } from './wire-messages.js';
import type { ArmedTrap } from './wire-proxy.js';

/** What becomes of a connection after the fault: it is destroyed, or it goes on to meet what the fault has done. */
export type Sequel = 'cut' | 'goOn';

interface LinkOptions {
  /** Hears which statement begins, and answers with the trap that waits there. */
  readonly takeTrap: (statement: string) => ArmedTrap | null;
}

/** The statement that opens a connection. */
export const CONNECT = 'connect';

/** One connection through the proxy: it follows the statements and stops where a trap is. */
export class Link {
  onClose: () => void = () => undefined;
  private readonly server: Socket;
  private readonly fromClient: Buffer[] = [];
  private readonly fromServer: Buffer[] = [];
  private readonly splitClient = createSplitter(true);
  private readonly splitServer = createSplitter(false);
  private hasStarted = false;
  /** The statement that waits for its answer. */
  private statement: string | null = null;
  private trap: ArmedTrap | null = null;
  private streamed = 0;
  private isHeld = false;

  constructor(
    private readonly client: Socket,
    target: { readonly host: string; readonly port: number },
    private readonly options: LinkOptions,
  ) {
    this.server = connect({ ...target, noDelay: true });
    this.join(client, this.server, (chunk) => this.fromClient.push(...this.splitClient(chunk)));
    this.join(this.server, client, (chunk) => this.fromServer.push(...this.splitServer(chunk)));
  }

  /** By which the server knows the connection: `client_port` of `pg_stat_activity`. */
  get serverSidePort(): number {
    return this.server.localPort ?? 0;
  }

  destroy(): void {
    this.client.destroy();
    this.server.destroy();
  }

  private join(from: Socket, to: Socket, take: (chunk: Buffer) => unknown): void {
    from.on('data', (chunk: Buffer) => {
      take(chunk);
      this.pump();
    });
    from.on('error', () => undefined); // a connection that was cut complains; its close follows
    from.on('close', () => {
      to.end();
      this.onClose();
    });
  }

  /** Passes on what has come, until a fault holds the connection. */
  private pump(): void {
    while (!this.isHeld && this.fromServer.length > 0) this.passToClient(this.fromServer.shift() as Buffer);
    while (!this.isHeld && this.fromClient.length > 0) this.passToServer(this.fromClient.shift() as Buffer);
  }

  private passToServer(message: Buffer): void {
    const text = this.hasStarted ? statementOf(message) : CONNECT;
    const isEnd = this.hasStarted && typeOf(message) === FROM_CLIENT.copyDone;
    const wasStarted = this.hasStarted;
    this.hasStarted = true;
    if (wasStarted && typeOf(message) === FROM_CLIENT.copyData) return this.passRows(message, this.server);
    if (isEnd && this.isDue('inStream')) return this.hold(message, this.server);
    if (isEnd) this.begin(`end of ${this.statement ?? 'copy'}`);
    else if (text !== undefined) this.begin(wasStarted ? nameStatement(text) : CONNECT);
    if ((isEnd || text !== undefined) && this.isDue('before')) return this.hold(message, this.server);
    this.server.write(message);
  }

  private passToClient(message: Buffer): void {
    const type = typeOf(message);
    if (type === FROM_SERVER.copyData) return this.passRows(message, this.client);
    if (type === FROM_SERVER.copyDone) {
      if (this.isDue('inStream')) return this.hold(message, this.client);
      this.begin(`end of ${this.statement ?? 'copy'}`);
      if (this.isDue('before')) return this.hold(message, this.client);
    }
    const isAnswered =
      type === FROM_SERVER.ready || type === FROM_SERVER.copyInBegins || type === FROM_SERVER.copyOutBegins;
    if (this.isDue('answerLost')) return isAnswered ? this.hold(Buffer.alloc(0), this.client) : undefined;
    this.client.write(message);
    if (isAnswered && this.isDue('after')) this.hold(Buffer.alloc(0), this.client);
  }

  private begin(statement: string): void {
    this.statement = statement;
    this.streamed = 0;
    this.trap = this.options.takeTrap(statement) ?? null;
  }

  private isDue(moment: ArmedTrap['moment']): boolean {
    return this.trap?.moment === moment;
  }

  private passRows(message: Buffer, to: Socket): void {
    if (this.isDue('answerLost')) return; // rows of a COPY whose beginning is lost
    this.streamed += message.length;
    if (!this.isDue('inStream') || this.streamed < (this.trap?.bytes ?? 0)) return void to.write(message);
    const half = message.subarray(0, message.length >> 1); // a cut respects no message
    to.write(half);
    this.hold(message.subarray(half.length), to);
  }

  /** Stops the connection, lets the fault happen, and goes on with the message that was stopped, or not at all. */
  private hold(message: Buffer, to: Socket): void {
    const { trap } = this;
    this.trap = null;
    if (trap === null) return;
    this.isHeld = true;
    this.client.pause();
    this.server.pause();
    void trap.act(this).then((sequel) => {
      if (sequel === 'cut') return this.destroy();
      if (message.length > 0) to.write(message);
      this.isHeld = false;
      this.client.resume();
      this.server.resume();
      this.pump();
    });
  }
}
