// `npm run demo`: the whole job on embedded parts. A simulated DragonSync, `dragonsink kit`, a broker behind a proxy,
// `dragonsink server` into SQLite; the link is cut for ten seconds; the ledger at the end says what became of it all.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sleep } from '../base/backoff.js';
import { toError } from '../base/errors.js';
import { stopSignal } from '../base/lifecycle.js';
import { createLogger } from '../base/log.js';
import { type KitStatus, kitStatus } from '../schema/status.js';
import { type DemoBroker, ended, startDemoBroker } from './demo-broker.js';
import { type Comparison, compareLedgers } from './demo-ledger.js';
import { DemoRows } from './demo-rows.js';
import { DemoView } from './demo-view.js';
import { SimulatedDragonSync } from './dragonsync-api.js';
import { LinkProxy } from './link-proxy.js';
import { freePort } from './ports.js';
import { createWorld } from './world.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const CUT_S = 10;
/** How long after the feeding the backlog may take. */
const SETTLE_S = 15;

interface Outage {
  seconds: number;
  spooled_max: number;
  /** Null when the spool did not drain before the end. */
  drained_s: number | null;
}

export interface DemoOptions {
  readonly seconds: number;
  /** A real DragonSync; null simulates one. */
  readonly api: string | null;
  readonly json: boolean;
}

export async function demo(options: DemoOptions, stop: AbortSignal): Promise<number> {
  const view = new DemoView(options.json ? process.stderr : process.stdout);
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-demo-'));
  const run = new DemoRun(options, folder, view, stop);
  try {
    const { comparison, outage } = await run.run();
    const { lines: _, ...numbers } = comparison;
    const ok = comparison.missing === 0 && comparison.duplicates === 0 && comparison.accepted > 0;
    view.ledger(comparison);
    view.event(ok ? 'nothing is missing, nothing is there twice' : `something is wrong: look into ${folder}`);
    if (options.json) process.stdout.write(`${JSON.stringify({ ok, ...numbers, outage })}\n`);
    if (ok) rmSync(folder, { recursive: true });
    return ok ? 0 : 1;
  } finally {
    await run.stopAll();
  }
}

class DemoRun {
  private readonly stops: (() => Promise<void> | void)[] = [];
  private readonly outage: Outage = { seconds: 0, spooled_max: 0, drained_s: null };
  private rows: DemoRows | null = null;
  private statusPort = 0;
  private linkUp = true;
  private healedAt: number | null = null;

  constructor(
    private readonly options: DemoOptions,
    private readonly folder: string,
    private readonly view: DemoView,
    private readonly stop: AbortSignal,
  ) {}

  async run(): Promise<{ comparison: Comparison; outage: Outage }> {
    const broker = await startDemoBroker(this.folder);
    this.stops.push(broker.stop);
    const proxy = new LinkProxy({ targetHost: '127.0.0.1', targetPort: broker.port });
    const linkPort = await proxy.start();
    this.stops.push(() => proxy.stop());
    const api = this.options.api ?? (await this.simulate());
    const databaseUrl = `sqlite:${join(this.folder, 'server.db')}`;
    const server = this.startServer(broker, databaseUrl);
    const configFile = await this.writeConfig(api, linkPort, broker);
    const kit = this.start('kit', ['kit', '--config', configFile], {});
    this.view.say(
      `broker: ${broker.what}, MQTT ${broker.mqttVersion}; DragonSync: ${api}; everything in ${this.folder}`,
    );
    await this.feed(proxy);
    await this.settle();
    await leave('kit', kit);
    await this.catchUp(databaseUrl, configFile);
    await leave('server', server);
    return { comparison: await compareLedgers(MAIN, configFile, databaseUrl), outage: this.outage };
  }

  async stopAll(): Promise<void> {
    this.rows?.close();
    for (const stop of this.stops.reverse()) await stop();
  }

  private async simulate(): Promise<string> {
    const simulated = new SimulatedDragonSync({ world: createWorld({ nowS: () => Date.now() / 1000 }) });
    const url = await simulated.start();
    this.stops.push(() => simulated.stop());
    return url;
  }

  private startServer(broker: DemoBroker, databaseUrl: string): ChildProcess {
    return this.start('server', ['server'], {
      DATABASE_URL: databaseUrl,
      MQTT_BROKER_HOST: '127.0.0.1',
      MQTT_BROKER_PORT: String(broker.port),
      MQTT_VERSION: broker.mqttVersion,
      SERVER_ID: 'demo',
      HTTP_PORT: '0',
    });
  }

  private async writeConfig(api: string, linkPort: number, broker: DemoBroker): Promise<string> {
    this.statusPort = await freePort();
    const file = join(this.folder, 'config.ini');
    const lines = [
      '[MQTT]',
      'mqtt_host = 127.0.0.1',
      `mqtt_port = ${linkPort}`,
      `mqtt_version = ${broker.mqttVersion}`,
      '[DRAGONSYNC]',
      `api_url = ${api}`,
      '[SPOOL]',
      `path = ${join(this.folder, 'spool.db')}`,
      '[KIT]',
      `status_port = ${this.statusPort}`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  }

  private start(name: string, argv: string[], env: Record<string, string>): ChildProcess {
    const log = openSync(join(this.folder, `${name}.log`), 'a');
    const child = spawn(process.execPath, [MAIN, ...argv], {
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log],
    });
    this.stops.push(() => ended(child));
    return child;
  }

  private async feed(proxy: LinkProxy): Promise<void> {
    const startedAt = performance.now();
    const cutAt = Math.max(6, Math.floor(this.options.seconds / 4));
    for (let second = 1; second <= this.options.seconds; second += 1) {
      await this.untilSecond(startedAt, second);
      await this.tick(second);
      if (second === cutAt) this.cut(proxy);
      if (second === cutAt + CUT_S) this.heal(proxy);
    }
  }

  private cut(proxy: LinkProxy): void {
    proxy.cut();
    this.linkUp = false;
    this.view.event(`the kit's link is cut for ${CUT_S} s`);
  }

  private heal(proxy: LinkProxy): void {
    proxy.heal();
    this.linkUp = true;
    this.outage.seconds = CUT_S;
    this.healedAt = Date.now();
    this.view.event('the link is back');
  }

  /** Waits for what the link still owes, a while. */
  private async settle(): Promise<void> {
    const startedAt = performance.now();
    for (let second = 1; second <= SETTLE_S && this.outage.drained_s === null; second += 1) {
      await this.untilSecond(startedAt, second);
      await this.tick(this.options.seconds + second);
    }
  }

  /** The kit has left; what it published may still be on its way through broker and server. */
  private async catchUp(databaseUrl: string, configFile: string): Promise<void> {
    for (let tries = 0; tries < 10; tries += 1) {
      const { missing } = await compareLedgers(MAIN, configFile, databaseUrl);
      if (missing === 0) return;
      await sleep(500);
    }
  }

  private async untilSecond(startedAt: number, second: number): Promise<void> {
    await sleep(startedAt + second * 1_000 - performance.now(), this.stop);
    if (this.stop.aborted) throw new DemoStopped();
  }

  private async tick(second: number): Promise<void> {
    const status = await this.status();
    this.watchOutage(status);
    this.rows ??= openRows(join(this.folder, 'server.db'));
    const stored = this.rows?.stored() ?? { drone: 0, aircraft: 0, signal: 0, system: 0 };
    this.view.tick({ second, linkUp: this.linkUp, status, stored, latenciesS: this.rows?.latencies() ?? [] });
  }

  private watchOutage(status: KitStatus | null): void {
    if (status === null) return;
    const { waiting, oldest_at } = status.spool;
    if (!this.linkUp || this.healedAt !== null) this.outage.spooled_max = Math.max(this.outage.spooled_max, waiting);
    if (this.healedAt === null || this.outage.drained_s !== null) return;
    if (oldest_at !== null && Date.parse(oldest_at) <= this.healedAt) return;
    this.outage.drained_s = (Date.now() - this.healedAt) / 1_000;
    this.view.event(
      `the backlog of the outage has drained, ${this.outage.drained_s.toFixed(1)} s after the link came back`,
    );
  }

  private async status(): Promise<KitStatus | null> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.statusPort}/status`);
      return kitStatus.parse(await response.json());
    } catch {
      return null; // not up yet
    }
  }
}

/** Ctrl-C: nothing to report. */
class DemoStopped extends Error {}

function openRows(path: string): DemoRows | null {
  try {
    return new DemoRows(path);
  } catch {
    return null; // the server has not made it yet
  }
}

async function leave(name: string, child: ChildProcess): Promise<void> {
  await ended(child);
  if (child.exitCode !== 0) throw new Error(`dragonsink ${name} left with ${child.exitCode ?? child.signalCode}`);
}

function readOptions(): DemoOptions {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      api: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 25) throw new Error('--seconds wants a whole number, at least 25');
  return { seconds, api: values.api ?? null, json: values.json };
}

async function main(): Promise<number> {
  const stop = stopSignal(createLogger('silent'));
  try {
    return await demo(readOptions(), stop);
  } catch (thrown: unknown) {
    if (stop.aborted) {
      process.stderr.write('stopped\n');
      return 130;
    }
    process.stderr.write(`demo: ${toError(thrown).message}\n`);
    return 1;
  }
}

process.exitCode = await main();
