// Which servers are there, by their hellos. A hello is retained, so it proves little: a server that acknowledges nothing
// counts as away until it says or acknowledges something again.
import type { Logger } from '../base/log.js';
import type { Hello } from '../schema/hello.js';

/** More servers than anybody runs on one broker; what says hello beyond them is not kept in mind. */
const MAX_SERVERS = 100;

export class Servers {
  /** A database that is not the one this kit is bound to. */
  conflict: string | null = null;
  private readonly known = new Map<string, Hello>();
  private readonly alarmed = new Set<string>();
  private isMute = false;
  /** Those of `known` that are there, while the kit is bound as it was. */
  private present: { readonly bound: string | null; readonly hellos: readonly Hello[] } | null = null;

  constructor(
    private readonly boundStore: () => string | null,
    private readonly log: Logger,
  ) {}

  /** A new connection: retained hellos come again, and what was said on the last one may no longer be true. */
  begin(): void {
    this.known.clear();
    this.present = null;
    this.isMute = false;
  }

  /** The kit listens to any database again. */
  forgetConflict(): void {
    this.conflict = null;
    this.alarmed.clear();
  }

  /**
   * Takes a hello; `retained` ones may be old. True when what is not acknowledged must be sent again: the server is new,
   * or its start or its session is, or it was away.
   */
  hello(hello: Hello, retained: boolean): boolean {
    const before = this.known.get(hello.server_id);
    if (before === undefined && this.known.size >= MAX_SERVERS) return false;
    this.known.set(hello.server_id, hello);
    this.present = null;
    if (!isThere(hello)) return false;
    if (!this.isOurs(hello.store_id)) {
      this.alarm(hello.store_id);
      return false;
    }
    const isNew =
      before === undefined || !isThere(before) || before.boot_id !== hello.boot_id || before.session !== hello.session;
    const wasMute = this.isMute;
    if (isNew || !retained) this.isMute = false;
    return isNew || (wasMute && !this.isMute);
  }

  /** An acknowledgement of this database came: `ignore` it, `take` it, or take it as the first word after a `return`. */
  acknowledged(storeId: string): 'ignore' | 'take' | 'return' {
    if (!this.isOurs(storeId)) {
      this.alarm(storeId);
      return 'ignore';
    }
    const wasMute = this.isMute;
    this.isMute = false;
    return wasMute ? 'return' : 'take';
  }

  /** Nobody has acknowledged anything for long. */
  fellSilent(): void {
    this.isMute = true;
    this.log.warn('messages are out, and no server has acknowledged any for 30 s: the servers count as away');
  }

  /** How many there are: of servers that share the load, one that leaves may take along what was on its way to it. */
  get count(): number {
    return this.there.length;
  }

  get isServed(): boolean {
    return !this.isMute && this.there.length > 0;
  }

  /** Some say that they are there, and acknowledge nothing. */
  get isInDoubt(): boolean {
    return this.isMute && this.there.length > 0;
  }

  /** Whether all that are there take this wire: which of them gets a message is not ours to say. */
  offers(wire: string): boolean {
    const { there } = this;
    return there.length > 0 && there.every((hello) => hello.wire.includes(wire));
  }

  /** How many messages of backlog and resends the servers take unacknowledged. */
  get credit(): number {
    return Math.min(...this.there.map(({ credit }) => credit));
  }

  /** Asked for several times with every message that is sent. */
  private get there(): readonly Hello[] {
    const bound = this.boundStore();
    if (this.present?.bound !== bound) this.present = null;
    this.present ??= {
      bound,
      hellos: [...this.known.values()].filter((hello) => isThere(hello) && this.isOurs(hello.store_id)),
    };
    return this.present.hellos;
  }

  private isOurs(storeId: string): boolean {
    const bound = this.boundStore();
    return bound === null || bound === storeId;
  }

  private alarm(storeId: string): void {
    this.conflict = storeId;
    if (this.alarmed.has(storeId) || this.alarmed.size >= MAX_SERVERS) return;
    this.alarmed.add(storeId);
    this.log.error(
      { bound: this.boundStore(), found: storeId, hint: 'if the database was replaced: dragonsink spool rebind' },
      'a server with another database is on this broker: it is ignored',
    );
  }
}

function isThere({ online, store }: Hello): boolean {
  return online && store === 'ok';
}
