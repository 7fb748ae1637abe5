// The kit's way to the broker: waits until the kit knows its name, then connects, says that it is there, and sends.
import { beforeAbort, within } from '../base/abort.js';
import { Backoff } from '../base/backoff.js';
import { toError } from '../base/errors.js';
import { keepLinked } from '../base/keep-linked.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import { type LinkOptions, type MqttLink, openLink } from '../base/mqtt-link.js';
import { Pulse } from '../base/pulse.js';
import type { Identity } from './identity.js';
import type { LastValues } from './last-values.js';
import type { OwnCertificate } from './own-certificate.js';
import type { Publisher } from './publisher.js';
import { will } from './states.js';

export interface UplinkOptions {
  /** Without client id (the kit id, unless set) and will. */
  readonly broker: Omit<LinkOptions, 'clientId' | 'will' | 'clean'> & { readonly clientId: string | null };
  readonly identity: Identity;
  readonly publisher: Publisher;
  readonly values: LastValues;
  /** Null without one. */
  readonly certificate: OwnCertificate | null;
  /** Before anything of the history is sent. */
  readonly onConnected: (link: MqttLink, kitId: string) => void;
  /** The last thing said before leaving. */
  readonly onLeaving: (kitId: string) => void;
  /** Nothing more is said on this connection. */
  readonly onGone: () => Promise<void>;
  readonly log: Logger;
}

const BACKOFF = { minMs: 1_000, maxMs: 60_000 };
/** How long a stopping kit goes on sending; the rest waits in the spool. */
const FLUSH_MS = 3_000;
const GOODBYE_MS = 2_000;

export class Uplink implements Part {
  readonly name = 'uplink';
  connected = false;
  /** The one there is now. */
  link: MqttLink | null = null;
  /** Why there is none, or why the last one ended. */
  problem: Error | null = null;
  reconnects = 0;
  readonly pulse = new Pulse();
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private everConnected = false;

  constructor(private readonly options: UplinkOptions) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** A server hands over a certificate: if it is a better one for this kit, the connection is made anew with it. */
  async renew(pem: string): Promise<void> {
    if ((await this.options.certificate?.take(pem)) === true) await this.link?.end();
  }

  private async run(): Promise<void> {
    const { identity, broker, log } = this.options;
    const { signal } = this.stopping;
    const kitId = await beforeAbort(identity.known(), signal);
    if (kitId === null) return;
    await keepLinked({
      open: () => this.open({ ...broker, clientId: broker.clientId ?? kitId, clean: true, will: will(kitId) }),
      use: (link) => this.use(link, kitId),
      backoff: new Backoff(BACKOFF),
      log,
      signal,
      pulse: this.pulse,
    });
  }

  private async open(options: LinkOptions): Promise<MqttLink> {
    const { certificate } = this.options;
    const certFile = certificate?.next();
    const tried = (isIn: boolean): void => {
      if (certFile !== undefined) certificate?.tried(certFile, isIn);
    };
    try {
      const link = await openLink({
        ...options,
        tls: options.tls && { ...options.tls, certFile: certFile ?? options.tls.certFile },
      });
      tried(true);
      return link;
    } catch (thrown: unknown) {
      tried(false);
      this.problem = toError(thrown);
      throw thrown;
    }
  }

  private async use(link: MqttLink, kitId: string): Promise<void> {
    const { publisher, values, onConnected, onLeaving, onGone } = this.options;
    const { signal } = this.stopping;
    this.connected = true;
    this.link = link;
    this.problem = null;
    link.closed.then((why) => {
      this.problem = why;
    });
    if (this.everConnected) this.reconnects += 1;
    this.everConnected = true;
    try {
      await beforeAbort(publisher.listen(link, kitId), signal);
      onConnected(link, kitId);
      values.begin(link);
      await publisher.run(link, kitId, signal, FLUSH_MS);
    } finally {
      if (signal.aborted) onLeaving(kitId);
      // On a link that hangs nothing is ever confirmed.
      await within(GOODBYE_MS, Promise.all([values.end(), onGone()]));
      this.connected = false;
      this.link = null;
    }
  }
}
