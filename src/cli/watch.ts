// `dragonsink watch`: what goes over the broker, as it comes. Whoever watches is a reader of its own: with the kit's or the
// server's credential it would push them off, as brokers may take the user for the client.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Backoff } from '../base/backoff.js';
import { AppError, BrokerError, ConfigError, errorCode } from '../base/errors.js';
import { keepLinked } from '../base/keep-linked.js';
import { stopSignal } from '../base/lifecycle.js';
import { createLogger } from '../base/log.js';
import { type LinkOptions, type MqttLink, openLink } from '../base/mqtt-link.js';
import { type EnrolFile, enrolFile } from '../schema/enrol-file.js';
import type { Kind } from '../schema/kinds.js';
import { DEFAULT_TOPICS, type TopicNames, watchFilters } from '../schema/topics.js';
import { loadKitSettings } from '../settings/kit-settings.js';
import { readSecretFile } from '../settings/secret-file.js';
import { loadServerSettings } from '../settings/server-settings.js';
import { withFile } from './file-errors.js';
import { linkOf } from './kit.js';
import { fit, toJson } from './terminal.js';
import { topicsOf } from './topics.js';
import { lineOf, readMessages } from './watch-lines.js';

export interface WatchOptions {
  /** What `dragonsink enrol --reader` made: the broker, and a credential for it. */
  readonly reader?: string;
  /** A kit's config.ini, for the broker's address; else the environment has it. */
  readonly config?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly kind?: readonly Kind[];
  /** Leaves after so many messages. */
  readonly count?: number;
  readonly json?: boolean;
}

type Broker = Omit<LinkOptions, 'clientId' | 'clean' | 'will'>;

const KEEPALIVE_S = 30;
const BACKOFF = { minMs: 1_000, maxMs: 30_000 };

/** `--json` prints one object a line: `{kind, topic, retained, message}`; `kind` is also `status` or `availability`. */
export async function watchCommand(options: WatchOptions): Promise<number> {
  const { broker, topics } = await placeOf(options);
  const log = createLogger('warn');
  const done = new AbortController();
  const signal = AbortSignal.any([stopSignal(log), done.signal]);
  process.stdout.on('error', () => done.abort()); // whoever read it has seen enough
  const settings: LinkOptions = { ...broker, clientId: clientId(), clean: true };
  let first: MqttLink | null = await openFirst(settings);
  const printer = new Printer(topics, options, () => done.abort());
  await keepLinked({
    open: async () => {
      const link = first ?? (await openLink(settings));
      first = null;
      return link;
    },
    use: async (link) => {
      link.onMessage((message) => {
        message.ack();
        return printer.print(message);
      });
      await link.subscribe(watchFilters(topics, options.kind ?? null), 0);
      const stopped = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([link.closed, stopped]);
    },
    backoff: new Backoff(BACKOFF),
    log,
    signal,
  });
  return 0;
}

class Printer {
  private left: number;

  constructor(
    private readonly topics: TopicNames,
    private readonly options: WatchOptions,
    private readonly onEnough: () => void,
  ) {
    this.left = options.count ?? Number.POSITIVE_INFINITY;
  }

  /** Resolves when the reader of our output has room for more. */
  print({ topic, payload, retain }: { topic: string; payload: Buffer; retain: boolean }): Promise<void> | undefined {
    const lines: string[] = [];
    for (const message of readMessages(this.topics, topic, payload, retain)) {
      if (this.left <= 0 || !this.isWanted(message.kind)) continue;
      this.left -= 1;
      lines.push(this.options.json === true ? toJson(message) : onOneLine(lineOf(message, new Date())));
    }
    if (lines.length === 0) return undefined;
    const hasRoom = process.stdout.write(`${lines.join('\n')}\n`);
    if (this.left <= 0) this.onEnough();
    return hasRoom
      ? undefined
      : once(process.stdout, 'drain').then(
          () => {},
          () => {}, // closed: nobody reads any more
        );
  }

  private isWanted(kind: string): boolean {
    const { kind: kinds } = this.options;
    return kinds === undefined || kinds.some((one) => one === kind);
  }
}

/** A terminal shows a line as far as it goes. */
function onOneLine(line: string): string {
  return process.stdout.isTTY ? fit(line, process.stdout.columns) : line;
}

/** Another one each time: it is nobody's session. */
function clientId(): string {
  return `dragonsink-watch-${randomBytes(6).toString('hex')}`;
}

/** The first time, what is wrong ends the command. */
async function openFirst(settings: LinkOptions): Promise<MqttLink> {
  try {
    return await openLink(settings);
  } catch (thrown: unknown) {
    if (errorCode(thrown) !== 'credentials') throw thrown;
    const hint = 'make a reader on the server, dragonsink enrol --reader NAME, and take its file: --reader FILE';
    throw new BrokerError(`${settings.host}:${settings.port} lets nobody in without a credential of its own`, {
      code: 'credentials',
      hint,
      cause: thrown,
    });
  }
}

/** Where the broker is, and who we are there. */
async function placeOf(options: WatchOptions): Promise<{ broker: Broker; topics: TopicNames }> {
  const { reader, config } = options;
  if (reader !== undefined) return { broker: await readerOf(reader), topics: DEFAULT_TOPICS };
  const place = config === undefined ? await fromEnvironment() : fromKit(config);
  return { ...place, broker: { ...place.broker, ...loginOf(options, place.broker.username) } };
}

/** The address alone: who logs in is named on the command line. */
function loginOf(
  { username, passwordFile }: WatchOptions,
  taken: string | undefined,
): Pick<Broker, 'username' | 'password'> {
  if (username !== undefined && username === taken) {
    throw new AppError(`${username} is the kit's or the server's own user: it could be pushed off`, {
      code: 'credential',
      hint: 'make a reader on the server, dragonsink enrol --reader NAME, and take its file: --reader FILE',
    });
  }
  if (passwordFile === undefined) return { username, password: undefined };
  const secret = readSecretFile(passwordFile);
  if ('secret' in secret) return { username, password: secret.secret };
  throw new ConfigError(`--password-file: ${secret.wrong}`, { code: 'config', hint: `it must be ${secret.expected}` });
}

function fromKit(config: string): { broker: Broker; topics: TopicNames } {
  const { broker, topics } = linkOf(loadKitSettings(config).settings.MQTT);
  if (broker !== null) return { broker: withoutCertificate(broker), topics };
  throw new ConfigError(`${config}: mqtt_enabled = false names no broker`, {
    code: 'config',
    hint: 'leave --config out',
  });
}

async function fromEnvironment(): Promise<{ broker: Broker; topics: TopicNames }> {
  const { brokerOf } = await import('./server.js');
  const { settings } = loadServerSettings(process.env);
  return { broker: withoutCertificate(brokerOf(settings)), topics: topicsOf(settings) };
}

/** The CA stays: it is about the broker. */
function withoutCertificate({ tls, ...broker }: Broker): Broker {
  return { ...broker, tls: tls && { caFile: tls.caFile, insecure: tls.insecure } };
}

async function readerOf(file: string): Promise<Broker> {
  const text = await withFile(file, () => readFileSync(file, 'utf8'));
  const parsed = enrolFile.safeParse(parsedJson(text));
  if (!parsed.success || parsed.data.reader === undefined) {
    const hint = 'take the file that dragonsink enrol --reader NAME made on the server';
    throw new AppError(`${file} does not enrol a reader`, { code: 'reader', hint });
  }
  return brokerFor(parsed.data);
}

function brokerFor({ broker, ca_pem, cert_pem, key_pem, username, password }: EnrolFile): Broker {
  const { host, port, tls } = broker;
  const pem = { ca: ca_pem, cert: cert_pem, key: key_pem };
  return {
    host,
    port,
    version: 5,
    username,
    password,
    keepaliveS: KEEPALIVE_S,
    tls: tls ? { pem, insecure: false } : undefined,
  };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // no such file then, either
  }
}
