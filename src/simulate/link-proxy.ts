// A TCP link that can be cut: between a client and a server on loopback, for the demo and the tests.
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface LinkProxyOptions {
  readonly targetHost: string;
  readonly targetPort: number;
}

export class LinkProxy {
  /** Bytes from client to server, and back. */
  readonly bytes = { up: 0, down: 0 };
  private mode: 'pass' | 'cut' | 'blackhole' = 'pass';
  private readonly sockets = new Set<Socket>();
  private server: Server | null = null;

  constructor(private readonly options: LinkProxyOptions) {}

  /** Resolves to the port to connect to. */
  async start(): Promise<number> {
    const server = createServer((client) => this.accept(client));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.server = server;
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');
    return address.port;
  }

  /** Resets what is connected, and whoever tries to connect, until `heal`. */
  cut(): void {
    this.mode = 'cut';
    for (const socket of this.sockets) reset(socket);
  }

  /** Keeps connections open and passes nothing on, as a dead radio link does. */
  blackhole(): void {
    this.mode = 'blackhole';
  }

  heal(): void {
    this.mode = 'pass';
    // What was swallowed is gone: a connection that lost bytes can't go on.
    for (const socket of this.sockets) reset(socket);
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server?.close(resolve) ?? resolve(null));
  }

  private accept(client: Socket): void {
    if (this.mode === 'cut') {
      reset(client);
      return;
    }
    const target = connect(this.options.targetPort, this.options.targetHost);
    this.join(client, target, 'up');
    this.join(target, client, 'down');
  }

  private join(from: Socket, to: Socket, direction: 'up' | 'down'): void {
    this.sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      if (this.mode !== 'pass') return;
      this.bytes[direction] += chunk.length;
      if (!to.write(chunk)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
  }
}

/** A socket that is just saying goodbye is not reset: Node never learns then how that ended, and spins at its own exit. */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
