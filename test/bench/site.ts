// What a kit has around it, for one measurement: DragonSync's API, a broker as shipped, a server, and a link on request.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { type ApiContent, SimulatedDragonSync } from '../../src/simulate/dragonsync-api.js';
import { freePort, listening } from '../../src/simulate/ports.js';
import { createWorld } from '../../src/simulate/world.js';
import { Cleanup } from '../faults/cleanup.js';
import { Link } from '../faults/link.js';
import type { Broker } from '../fixtures/mosquitto.js';
import { eventually } from '../fixtures/processes.js';
import { connectFast, startBroker } from './broker.js';
import { type KitFile, makeKit, Program, startServer } from './program.js';

export interface SiteOptions {
  /** What there is to hear; nothing but the kit's own health, unless it is said. */
  readonly world?: ApiContent;
  /** An SQLite file of its own, unless it is said. */
  readonly databaseUrl?: string;
}

export interface KitOptions extends KitFile {
  /** Where its broker is, if not there. */
  readonly port?: number;
  /** Further lines of `[MQTT]`. */
  readonly mqtt?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

const START_MS = 60_000;
const [yes, no] = [() => true, () => false];

export class Site {
  /** Where the kit's spool is, also before there is a kit. */
  readonly kitFolder: string;

  private constructor(
    private readonly cleanup: Cleanup,
    readonly folder: string,
    readonly apiUrl: string,
    readonly broker: Broker,
    readonly databaseUrl: string,
    readonly httpPort: number,
    public server: Program,
  ) {
    this.kitFolder = join(folder, 'kit');
    mkdirSync(this.kitFolder);
  }

  static async open(cleanup: Cleanup, { world = quietWorld(), databaseUrl }: SiteOptions = {}): Promise<Site> {
    const folder = temporaryFolder(cleanup);
    const api = new SimulatedDragonSync({ world });
    const apiUrl = await api.start();
    cleanup.add(() => api.stop());
    const broker = await startBroker(cleanup);
    const url = databaseUrl ?? `sqlite:${join(folder, 'server.db')}`;
    const httpPort = await freePort();
    const server = await startServer(cleanup, url, broker.port, httpPort);
    return new Site(cleanup, folder, apiUrl, broker, url, httpPort, server);
  }

  async startServerAgain(): Promise<void> {
    this.server = await startServer(this.cleanup, this.databaseUrl, this.broker.port, this.httpPort);
  }

  /** Between the kit that is told its port, and the broker. */
  async startLink(protocol: 'mqtt' | 'other' = 'mqtt'): Promise<Link> {
    const link = await new Link(this.broker.port, protocol).start();
    this.cleanup.add(() => link.stop());
    return link;
  }

  startKit({ port = this.broker.port, mqtt, env, ...file }: KitOptions = {}): Program {
    const configFile = makeKit(this.kitFolder, this.apiUrl, port, mqtt, file);
    return this.start(['kit', '--config', configFile], env);
  }

  /** A kit that is pushed to; resolves to the connection of whoever pushes. */
  async startPushedKit(options: KitOptions = {}): Promise<MqttClient> {
    const port = await freePort();
    this.startKit({ ...options, dragonsync: ['source = mqtt', `listen = 127.0.0.1:${port}`] });
    const listens = (): Promise<boolean> => listening(port, () => false).then(yes, no);
    await eventually('the kit listens', listens, START_MS);
    return connectFast(this.cleanup, `mqtt://127.0.0.1:${port}`);
  }

  start(argv: readonly string[], env?: NodeJS.ProcessEnv): Program {
    const program = new Program(argv, env);
    this.cleanup.add(() => program.end());
    return program;
  }
}

/** Whatever happens, nothing of it is left. */
export async function withCleanup<T>(work: (cleanup: Cleanup) => Promise<T>): Promise<T> {
  const cleanup = new Cleanup();
  try {
    return await work(cleanup);
  } finally {
    await cleanup.run();
  }
}

export function withSite<T>(options: SiteOptions, work: (site: Site) => Promise<T>): Promise<T> {
  return withCleanup(async (cleanup) => work(await Site.open(cleanup, options)));
}

export function temporaryFolder(cleanup: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  cleanup.add(() => rmSync(folder, { recursive: true }));
  return folder;
}

function quietWorld(): ApiContent {
  return { ...createWorld({ nowS: () => Date.now() / 1_000 }), drones: () => [], signals: () => [] };
}
