// Between the browser and the server: it lets everything through, and breaks the live stream alone when it is told to.
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';

const STREAM = '/api/events';

export class StreamProxy {
  /** The addresses at which a stream was asked for, the oldest first. */
  readonly asked: string[] = [];
  private isBroken = false;
  private readonly streams = new Set<Socket>();
  private readonly server: Server;

  constructor(private readonly target: URL) {
    this.server = createServer((asked, answer) => this.pass(asked, answer));
  }

  /** Until the test ends. Resolves to where it listens. */
  async start(t: TestContext): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      this.server.closeAllConnections();
      this.server.close();
    });
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Resets the streams that are open, and each that is asked for, until `heal`. */
  breakStreams(): void {
    this.isBroken = true;
    for (const socket of this.streams) socket.resetAndDestroy();
  }

  heal(): void {
    this.isBroken = false;
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { url = '', method, headers, socket } = asked;
    if (url.startsWith(STREAM)) {
      this.asked.push(url);
      if (this.isBroken) {
        socket.resetAndDestroy();
        return;
      }
      this.streams.add(socket);
      socket.once('close', () => this.streams.delete(socket));
    }
    const { hostname, port } = this.target;
    const passed = request({ hostname, port, path: url, method, headers }, (its) => {
      answer.writeHead(its.statusCode ?? 502, its.headers);
      its.pipe(answer);
      its.on('error', () => socket.destroy());
    });
    passed.on('error', () => socket.destroy());
    answer.on('close', () => passed.destroy());
    asked.pipe(passed);
  }
}
