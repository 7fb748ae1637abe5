// Doctor: logs in as the kit would, while none runs, and says to the servers what a kit says that starts and stops again.
// It holds the spool meanwhile: a kit's own first status must not be overtaken by this one.
import { randomBytes } from 'node:crypto';
import { sleep } from '../../base/backoff.js';
import { type Check, failed, ok } from '../../base/check.js';
import { createLogger } from '../../base/log.js';
import { type LinkOptions, type MqttLink, openLink } from '../../base/mqtt-link.js';
import type { SpoolView } from '../../spool/spool.js';
import { readServerMessage } from '../server-messages.js';
import { Servers } from '../servers.js';
import { buildCondition, ledgerOf } from '../status.js';
import { StatusReporter } from '../status-reporter.js';
import { Answers } from './answers.js';
import { checkLink, type LinkUse, type Server } from './link-checks.js';

export interface InItsPlaceOptions {
  readonly broker: Omit<LinkOptions, 'clientId' | 'will' | 'clean'> & { readonly clientId: string | null };
  readonly use: LinkUse;
  /** Of the spool that is held; null when there is none yet, and then the servers are not asked. */
  readonly view: SpoolView | null;
}

/** How long retained hellos may take. */
const HELLO_MS = 1_000;

export async function checkInItsPlace({ broker, use, view }: InItsPlaceOptions): Promise<Check[]> {
  const clientId = broker.clientId ?? use.kitId;
  let link: MqttLink;
  try {
    link = await openLink({ ...broker, clientId, clean: true });
  } catch (thrown: unknown) {
    return [failed('login', thrown)];
  }
  try {
    const who = broker.username === undefined ? clientId : `${clientId}, user ${broker.username}`;
    const server = view === null ? null : serverOf(link, use, view);
    return [ok('login', who), ...(await checkLink(link, use, server))];
  } finally {
    await link.end();
  }
}

function serverOf(link: MqttLink, { kitId }: LinkUse, view: SpoolView): Server {
  const log = createLogger('silent');
  const servers = new Servers(() => view.storeId(), log);
  const answers = new Answers();
  link.onMessage((incoming) => {
    incoming.ack();
    const message = readServerMessage(incoming, kitId);
    if (message === null) return;
    if ('ack' in message) answers.heard(message.ack);
    else servers.hello(message.hello, incoming.retain);
  });
  const opening = randomBytes(8).toString('hex');
  const reporter = new StatusReporter({
    condition: () =>
      buildCondition(view, {
        opening,
        n: reporter.n,
        kitId,
        nowMs: Date.now(),
        clock: { offsetS: null, uncorrectedS: 0, uncorrectedEpochs: [], waitsForS: 0 },
        resent: 0,
        refused: 0,
        link: { enabled: true, connected: true, reconnects: 0 },
        source: { state: 'doctor' },
      }),
    ledger: () => ledgerOf(view.ledger()),
    onSpoolError: () => {},
    log,
  });
  const ask: Server['ask'] = async () => {
    await sleep(HELLO_MS);
    const answer = await answers.next(() => reporter.begin(link, kitId));
    await reporter.end();
    return answer;
  };
  return { ask, boundTo: view.storeId(), servers };
}
