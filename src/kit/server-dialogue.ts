// What the kit does on a server's word: a hello may bring everything again, an acknowledgement lets go of what it covers.
import type { Ack } from '../schema/ack.js';
import type { Hello } from '../schema/hello.js';
import type { Spool } from '../spool/spool.js';
import type { Acknowledgements } from './acknowledgements.js';
import type { PublishSession } from './publish-session.js';
import type { Servers } from './servers.js';

export interface ServerDialogueOptions {
  readonly spool: Spool;
  readonly servers: Servers;
  readonly acknowledgements: Acknowledgements;
  /** Of the connection there is; null while nothing is sent. */
  readonly session: () => PublishSession | null;
}

export class ServerDialogue {
  constructor(private readonly options: ServerDialogueOptions) {}

  hello(hello: Hello, retained: boolean): void {
    const { spool, servers, session } = this.options;
    const { isServed: wasServed, count: before } = servers;
    const isNews = servers.hello(hello, retained);
    // What brokers have for nobody goes to the first server that comes. A retained hello may be of one that is long gone;
    // of one that is there, the answer to our first status does the same.
    if (isNews && !retained && spool.storeId() === null) spool.takeBack();
    // With the last server gone, nobody's acknowledgement is waited for; with one of several, perhaps in vain.
    if (isNews || wasServed !== servers.isServed || servers.count < before) session()?.restart();
    else session()?.pump();
  }

  acknowledgement(ack: Ack): void {
    const { servers, acknowledgements, session } = this.options;
    const word = servers.acknowledged(ack.store_id);
    if (word === 'ignore') return;
    session()?.onAcknowledgement();
    // After a silence everything waits again, before what this one sets free makes room for more.
    if (word === 'return') session()?.forgetSent();
    // With the first one, what was handed over does.
    if (acknowledgements.take(ack)) session()?.restart();
    else session()?.pump();
  }
}
