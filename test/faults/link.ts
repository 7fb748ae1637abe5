// A TCP link that goes wrong on request: the harness puts one between every two processes.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { reset } from '../../src/simulate/link-proxy.js';
import { CONFIRMATIONS, damaged, PacketCutter, PUBLISH, packetType } from './mqtt-packets.js';

export type Direction = 'up' | 'down';

export type Mode =
  | { readonly name: 'pass' }
  /** Resets what is connected, and whoever connects. */
  | { readonly name: 'cut' }
  /** Nothing comes through, and nobody is told; with `only`, in one direction (a half-open link). */
  | { readonly name: 'blackhole'; readonly only?: Direction }
  | { readonly name: 'delay'; readonly ms: number }
  | { readonly name: 'throttle'; readonly bytesPerS: number }
  /** Publishers never hear that their messages have arrived. */
  | { readonly name: 'drop-confirmations' }
  | { readonly name: 'double-publishes' }
  /** Half of the next PUBLISH, then a reset. */
  | { readonly name: 'truncate' }
  /** One bit of each PUBLISH, not in its payload. */
  | { readonly name: 'damage'; readonly chance: () => number }
  /** Of PostgreSQL's clients: the connection ends when one says COMMIT, before it arrives or before its answer does. */
  | { readonly name: 'lose-commits'; readonly what: 'commit' | 'answer' };

const PASS: Mode = { name: 'pass' };
/** Of these a connection can't recover: they end with a reset. */
const LOSSY = new Set<Mode['name']>(['drop-confirmations', 'truncate', 'damage']);
const THROTTLE_SLICES_PER_S = 20;
/** As a client sends it alone, in the simple protocol. */
const COMMIT = Buffer.from('COMMIT\0');

export class Link {
  port = 0;
  /** Sees every MQTT packet, once. */
  onPacket: (packet: Buffer, direction: Direction) => void = () => {};
  readonly bytes: Record<Direction, number> = { up: 0, down: 0 };
  /** How many of PostgreSQL's COMMITs, or their answers, were lost. */
  lostCommits = 0;
  private mode: Mode = PASS;
  private readonly sockets = new Set<Socket>();
  private readonly waiting = new Set<() => void>();
  /** The servers' sides of connections on which the next answer is lost. */
  private readonly unanswered = new WeakSet<Socket>();
  private server: Server | null = null;
  /** Of a throttled link: what the bytes so far must wait; a timer is too coarse for one packet. */
  private owedMs = 0;

  constructor(
    private readonly targetPort: number,
    private readonly protocol: 'mqtt' | 'other',
    private readonly onTrouble: { begins(): void; ends(): void } = { begins: () => {}, ends: () => {} },
  ) {}

  async start(): Promise<this> {
    const server = createServer((client) => this.accept(client));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.server = server;
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the link has no port');
    this.port = address.port;
    return this;
  }

  set(mode: Mode): void {
    if (this.mode === PASS && mode !== PASS) this.onTrouble.begins();
    if (this.mode !== PASS && mode === PASS) this.onTrouble.ends();
    this.mode = mode;
    if (mode.name === 'cut') this.reset();
    for (const go of this.waiting) go();
  }

  /** With `reset`, connections do not survive what happened to them. */
  heal(options: { reset: boolean } = { reset: false }): void {
    const reset = options.reset || LOSSY.has(this.mode.name);
    this.set(PASS);
    if (reset) this.reset();
  }

  reset(): void {
    for (const socket of this.sockets) reset(socket);
  }

  async stop(): Promise<void> {
    this.set({ name: 'cut' });
    await new Promise((resolve) => this.server?.close(resolve) ?? resolve(null));
  }

  private accept(client: Socket): void {
    if (this.mode.name === 'cut') {
      client.on('error', () => {});
      reset(client);
      return;
    }
    const target = connect(this.targetPort, '127.0.0.1');
    client.setNoDelay(true);
    target.setNoDelay(true);
    for (const socket of [client, target]) {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.sockets.delete(socket));
    }
    this.carry(client, target, 'up');
    this.carry(target, client, 'down');
  }

  private carry(from: Socket, to: Socket, direction: Direction): void {
    this.pump(from, to, direction).then(
      () => to.end(),
      () => {
        // A reset on one side is one on the other too.
        from.destroy();
        reset(to);
      },
    );
  }

  private async pump(from: Socket, to: Socket, direction: Direction): Promise<void> {
    const cutter = this.protocol === 'mqtt' ? new PacketCutter() : null;
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (const packet of cutter?.cut(chunk) ?? [chunk]) {
        await this.passable(direction);
        if (this.protocol === 'other') this.loseCommit(packet, from, to, direction);
        await this.pass(packet, to, direction);
      }
    }
    await this.passable(direction); // also that a connection ended is not known beyond a dead link
  }

  private async passable(direction: Direction): Promise<void> {
    while (this.mode.name === 'blackhole' && (this.mode.only ?? direction) === direction) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          this.waiting.delete(go);
          resolve();
        };
        this.waiting.add(go);
      });
    }
  }

  private async pass(packet: Buffer, to: Socket, direction: Direction): Promise<void> {
    const { mode } = this;
    const type = this.protocol === 'mqtt' ? packetType(packet) : null;
    if (type !== null) this.onPacket(packet, direction);
    if (mode.name === 'drop-confirmations' && type !== null && CONFIRMATIONS.has(type)) return;
    if (mode.name === 'truncate' && type === PUBLISH) {
      await this.write(packet.subarray(0, packet.length >>> 1), to, direction);
      throw new Error('truncated');
    }
    if (mode.name === 'delay') await sleep(mode.ms);
    if (mode.name === 'throttle') return this.trickle(packet, mode.bytesPerS, to, direction);
    const isDamaged = mode.name === 'damage' && type === PUBLISH;
    await this.write(isDamaged ? damaged(packet, mode.chance) : packet, to, direction);
    if (mode.name === 'double-publishes' && type === PUBLISH) await this.write(packet, to, direction);
  }

  /** @throws to end the connection. */
  private loseCommit(bytes: Buffer, from: Socket, to: Socket, direction: Direction): void {
    if (direction === 'down' && this.unanswered.has(from)) throw new Error('the answer is lost');
    if (this.mode.name !== 'lose-commits' || direction === 'down' || !bytes.includes(COMMIT)) return;
    this.lostCommits += 1;
    if (this.mode.what === 'commit') throw new Error('the COMMIT is lost');
    this.unanswered.add(to);
  }

  private async trickle(packet: Buffer, bytesPerS: number, to: Socket, direction: Direction): Promise<void> {
    const slice = Math.max(1, Math.floor(bytesPerS / THROTTLE_SLICES_PER_S));
    for (let at = 0; at < packet.length; at += slice) {
      const part = packet.subarray(at, at + slice);
      await this.write(part, to, direction);
      this.owedMs += (part.length / bytesPerS) * 1_000;
      if (this.owedMs < 1_000 / THROTTLE_SLICES_PER_S) continue;
      const owed = this.owedMs;
      this.owedMs = 0;
      await sleep(owed);
    }
  }

  private async write(bytes: Buffer, to: Socket, direction: Direction): Promise<void> {
    if (to.destroyed) throw new Error('closed');
    this.bytes[direction] += bytes.length;
    if (to.write(bytes)) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        to.removeListener('drain', settle);
        to.removeListener('close', settle);
        if (to.destroyed) reject(new Error('closed'));
        else resolve();
      };
      to.once('drain', settle);
      to.once('close', settle);
    });
  }
}
