// A whole installation under test: DragonSync's API, kit, broker, server and database as real processes, a link that can
// go wrong between every two, and the book of what must not be lost.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/simulate/ports.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { becomes } from '../fixtures/patience.js';
import { type Postgres, startPostgres } from '../fixtures/postgres.js';
import { FaultApi } from './api.js';
import { Cleanup, isLeaving } from './cleanup.js';
import { askStatus, type StatusAnswer } from './commands.js';
import { type DatabaseView, postgresView, sqliteView } from './database-view.js';
import type { Setup } from './fault.js';
import { KIT_ID, writeKitConfig } from './kit-config.js';
import { Link } from './link.js';
import { Observations } from './observations.js';
import { OutsideLedger } from './outside-ledger.js';
import { Program } from './program.js';
import type { Random } from './random.js';
import { Sendings } from './sendings.js';
import { ServerTraffic } from './server-traffic.js';
import { mountTmpfs, type SpoolDisk, spoolDisk } from './spool-disk.js';
import { StateTopics } from './state-topics.js';
import { Watch } from './watch.js';

export interface WorldOptions {
  /** dist/main.js, or a copy of it. */
  readonly main: string;
  readonly setup: Setup;
  readonly random: Random;
  /** Started when the first world needs it. */
  readonly postgres: () => Promise<Postgres>;
  /** The long form of a fault takes its time. */
  readonly long: boolean;
}

const MIB = 1024 * 1024;
const DEFAULT_CAP_MB = 2_048;
const FEED_EVERY_MS = 50;
const PER_SECOND = { short: 20, long: 40 };
/** In the long form a kit lives for minutes, and asks no more than DragonSync answers. */
const POLL_S = { short: 1, long: 2 };
/** Shown at once: the answer stays well below what the kit reads. */
const BULK_SLICE = 1_000;
/** Few enough that a fault can take them all. */
const CLUSTER_SETTINGS = ['max_connections=20'];

export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'dragonsink-fault-'));
  readonly cleanup = new Cleanup();
  readonly configFile = join(this.folder, 'config.ini');
  readonly spoolFile = join(this.folder, 'spool', 'spool.db');
  readonly ledger = new OutsideLedger(join(this.folder, 'ledger.txt'));
  readonly sendings = new Sendings();
  readonly serverTraffic = new ServerTraffic();
  readonly observations: Observations;
  readonly api: FaultApi;
  /** What a fault found out beside the invariants. */
  readonly violations: string[] = [];
  /** For the report: "37 rows were in the damaged file". */
  readonly notes: string[] = [];
  injections = 0;
  kit: Program | null = null;
  kitLives = 0;
  readonly servers = new Map<string, Program>();
  /** Who else of ours runs: a cloned kit. */
  readonly others = new Set<Program>();
  private readonly brokerPidFile = join(this.folder, 'mosquitto.pid');
  private feeding: NodeJS.Timeout | undefined;

  // Set by `start`, before anybody sees the world.
  broker!: Broker;
  links!: { readonly api: Link; readonly kit: Link; readonly server: Link; readonly database: Link | null };
  database!: DatabaseView;
  /** The world's own PostgreSQL server, when it has one. */
  cluster: Postgres | null = null;
  /** Past the link, for whoever looks from outside. */
  databaseUrl!: string;
  disk!: SpoolDisk;
  watch!: Watch;
  statusPort = 0;
  private kitLines: Pick<Setup, 'mqtt' | 'spool'> = {};
  private capMb = DEFAULT_CAP_MB;
  private apiPort = 0;
  private serverDatabaseUrl = '';
  private stateTopics: StateTopics | null = null;

  private constructor(readonly options: WorldOptions) {
    // Otherwise whoever runs this decides: a failed run keeps it.
    this.cleanup.add(() => {
      if (isLeaving()) rmSync(this.folder, { recursive: true, force: true });
    });
    this.observations = new Observations(options.random, KIT_ID);
    this.api = new FaultApi(this.observations, this.ledger);
  }

  /** Starts everything, and waits until it is connected. */
  static async start(options: WorldOptions): Promise<World> {
    const world = new World(options);
    try {
      await world.build();
      const server = world.startServer();
      if (options.setup.serverFirst === true) await server;
      await Promise.all([server, world.startKit()]);
      await world.until('kit and server are connected', () => world.connected());
      world.watch.start();
      return world;
    } catch (error: unknown) {
      await world.cleanup.run();
      throw new Error(`${(error as Error).message} (kept: ${world.folder})`, { cause: error });
    }
  }

  private async build(): Promise<void> {
    const { setup } = this.options;
    this.disk = await spoolDisk(setup.disk, join(this.folder, 'spool'), this.cleanup);
    this.apiPort = await this.api.start();
    this.cleanup.add(() => this.api.stop());
    await this.buildBroker();
    await this.buildDatabase();
    const trouble = { begins: () => this.api.disturb(), ends: () => this.api.calm() };
    this.links = {
      api: await this.link(new Link(this.apiPort, 'other', trouble)),
      kit: await this.link(new Link(this.broker.port, 'mqtt')),
      server: await this.link(new Link(this.broker.port, 'mqtt')),
      database: await this.databaseLink(),
    };
    this.links.kit.onPacket = (packet, direction) => {
      if (direction === 'up') this.sendings.take(packet);
    };
    this.links.server.onPacket = (packet, direction) => this.serverTraffic.take(packet, direction);
    this.statusPort = await freePort();
    this.configureKit(setup);
    const { spoolFile, statusPort, database, ledger } = this;
    this.watch = new Watch({
      spoolFile,
      statusPort,
      capBytes: () => this.capMb * MIB,
      database,
      ledger,
      programs: () => this.programs(),
      brokerPid: () => this.brokerPid(),
    });
    this.cleanup.add(() => this.watch.stop());
  }

  private async buildBroker(): Promise<void> {
    const { broker: lines = [], stateTopics } = this.options.setup;
    // Persistence with mosquitto's own defaults: it saves every half hour, and when it is stopped.
    this.broker = await startMosquitto({ persistence: true, config: [`pid_file ${this.brokerPidFile}`, ...lines] });
    this.cleanup.add(async () => {
      await this.broker.kill();
      rmSync(this.broker.folder, { recursive: true, force: true });
    });
    if (stateTopics === true) this.stateTopics = new StateTopics(this.broker.port, this.cleanup);
  }

  private async buildDatabase(): Promise<void> {
    const { setup, postgres } = this.options;
    if (setup.cluster !== undefined) this.cluster = await this.ownCluster(setup.cluster);
    if (setup.database === 'postgres') {
      this.databaseUrl = (this.cluster ?? (await postgres())).createDatabase();
      this.database = postgresView(this.databaseUrl);
    } else {
      mkdirSync(join(this.folder, 'server'));
      const file = join(this.folder, 'server', 'server.db');
      this.databaseUrl = `sqlite:${file}`;
      this.database = sqliteView(file);
    }
    this.serverDatabaseUrl = this.databaseUrl;
    this.cleanup.add(() => this.database.close());
  }

  private async ownCluster({ tmpfsMb }: NonNullable<Setup['cluster']>): Promise<Postgres> {
    const cluster = await startPostgres({
      settings: CLUSTER_SETTINGS,
      // Of a small disk the usual segments of 16 MB would take most.
      ...(tmpfsMb === undefined
        ? {}
        : { initdb: ['--wal-segsize=1'], mount: (folder: string) => mountTmpfs(folder, tmpfsMb) }),
    });
    this.cleanup.add(() => cluster.stop());
    return cluster;
  }

  private async databaseLink(): Promise<Link | null> {
    if (this.options.setup.database !== 'postgres') return null;
    const url = new URL(this.databaseUrl);
    const link = await this.link(new Link(Number(url.port), 'other'));
    url.port = String(link.port);
    this.serverDatabaseUrl = url.href;
    return link;
  }

  private async link(link: Link): Promise<Link> {
    await link.start();
    this.cleanup.add(() => link.stop());
    return link;
  }

  /** From the kit's next start on. */
  configureKit(lines: Pick<Setup, 'mqtt' | 'spool'>): void {
    this.kitLines = lines;
    this.capMb = Number(/max_mb = (\d+)/.exec((lines.spool ?? []).join('\n'))?.[1] ?? DEFAULT_CAP_MB);
  }

  /** Of the kit, or of another one; its requests to the API go below `apiPath`. */
  writeConfig(
    config: { file: string; spoolFile: string; statusPort: number; apiPath: string } & Pick<Setup, 'mqtt' | 'spool'>,
  ): void {
    const { links, options } = this;
    const { setup, long } = options;
    const { apiPath, ...rest } = config;
    writeKitConfig({
      apiUrl: `http://127.0.0.1:${links.api.port}${apiPath}`,
      brokerPort: links.kit.port,
      pollS: setup.pollS ?? (long ? POLL_S.long : POLL_S.short),
      stateTopics: setup.stateTopics === true,
      ...rest,
    });
  }

  programs(): Program[] {
    return [this.kit, ...this.servers.values(), ...this.others].filter((p) => p !== null).filter((p) => p.alive);
  }

  brokerPid(): number | null {
    if (!existsSync(this.brokerPidFile)) return null;
    return Number(readFileSync(this.brokerPidFile, 'utf8')) || null;
  }

  /** `env` may hold a preload. Not ready yet: `ready` tells. */
  launchKit(env: NodeJS.ProcessEnv = {}): Program {
    const { configFile: file, spoolFile, statusPort } = this;
    this.writeConfig({ file, spoolFile, statusPort, apiPath: this.api.beginLife(), ...this.kitLines });
    this.kitLives += 1;
    this.kit = this.launchKitOf('kit', this.configFile, this.statusPort, { ...this.options.setup.kitEnv, ...env });
    return this.kit;
  }

  launchKitOf(name: string, configFile: string, statusPort: number, env: NodeJS.ProcessEnv = {}): Program {
    return this.launch(
      new Program({
        name,
        argv: [this.options.main, 'kit', '--config', configFile],
        env,
        logFile: join(this.folder, `${name}.log`),
        isReady: async () => (await askStatus(statusPort)) !== null,
        onEnd: (why) => this.violations.push(why),
      }),
    );
  }

  private launch(program: Program): Program {
    this.cleanup.add(() => program.end('SIGKILL'));
    return program;
  }

  /** Resolves when it is ready. */
  async startKit(env: NodeJS.ProcessEnv = {}): Promise<Program> {
    const kit = this.launchKit(env);
    await kit.ready();
    return kit;
  }

  launchServer(name = 'fault', env: NodeJS.ProcessEnv = {}): Program {
    const server = new Program({
      name: `server-${name}`,
      argv: [this.options.main, 'server'],
      env: {
        DATABASE_URL: this.serverDatabaseUrl,
        MQTT_BROKER_PORT: String(this.links.server.port),
        SERVER_ID: name,
        ...env,
      },
      logFile: join(this.folder, `server-${name}.log`),
      isReady: (life) => /the database is open/.test(life.log()),
      onEnd: (why) => this.violations.push(why),
    });
    this.servers.set(name, server);
    return this.launch(server);
  }

  async startServer(name = 'fault', env: NodeJS.ProcessEnv = {}): Promise<Program> {
    const server = this.launchServer(name, env);
    await server.ready();
    return server;
  }

  async killKit(): Promise<void> {
    await this.kit?.end('SIGKILL');
    await this.kitEnded();
  }

  /** After its end, whoever ended it. */
  async kitEnded(): Promise<void> {
    this.api.kitEnded();
    await this.watch.look();
  }

  async stopKit(): Promise<void> {
    await this.kit?.end('SIGTERM');
    await this.kitEnded();
  }

  async endServer(signal: NodeJS.Signals = 'SIGKILL', name = 'fault'): Promise<void> {
    await this.servers.get(name)?.end(signal);
    this.servers.delete(name);
  }

  feed(): void {
    const { setup, long } = this.options;
    const perSecond = setup.perSecond ?? (long ? PER_SECOND.long : PER_SECOND.short);
    clearInterval(this.feeding);
    let owed = 0;
    this.feeding = setInterval(() => {
      owed += (perSecond * FEED_EVERY_MS) / 1_000;
      const whole = Math.floor(owed);
      owed -= whole;
      this.api.show(whole);
    }, FEED_EVERY_MS);
    this.cleanup.add(() => clearInterval(this.feeding));
  }

  stopFeeding(): void {
    clearInterval(this.feeding);
  }

  /** So many at once, until the kit has them all; the feed rests meanwhile. */
  async bulk(count: number): Promise<void> {
    this.stopFeeding();
    for (let left = count; left > 0; left -= BULK_SLICE) {
      this.api.show(Math.min(left, BULK_SLICE));
      await this.until('the kit has taken what it was shown', () => this.api.allTaken, 60_000);
      this.api.withdrawTaken();
    }
    this.feed();
  }

  status(): Promise<StatusAnswer | null> {
    return askStatus(this.statusPort);
  }

  async connected(): Promise<boolean> {
    const status = await this.status();
    const servers = [...this.servers.values()].every((server) => /connected to the broker/.test(server.log()));
    return servers && status?.link?.connected === true;
  }

  /** Of the two forms of a fault. */
  rounds(short: number, long: number): number {
    return this.options.long ? long : short;
  }

  /** @throws when it does not become so. */
  async until(what: string, check: () => Promise<boolean> | boolean, withinMs = 30_000): Promise<void> {
    if (!(await this.becomes(check, withinMs))) throw new Error(`still not so after ${withinMs / 1_000} s: ${what}`);
  }

  /** False when it does not become so. */
  becomes(check: () => Promise<boolean> | boolean, withinMs: number): Promise<boolean> {
    return becomes(check, withinMs);
  }

  /** What was found beside the invariants, also by those who listen. */
  get found(): string[] {
    return [...this.violations, ...(this.stateTopics?.violations.slice(0, 1) ?? [])];
  }

  /** Before the cleanup of a run that failed: what would be gone with it. */
  keepEvidence(why: readonly string[], repeat: string): void {
    const keep = (from: string, to: string): void => {
      if (existsSync(from)) cpSync(from, join(this.folder, to), { recursive: true });
    };
    writeFileSync(join(this.folder, 'violations.txt'), `${[...why, ...this.notes, repeat].join('\n')}\n`);
    keep(join(this.broker.folder, 'mosquitto.log'), 'mosquitto.log');
    if (this.options.setup.disk !== undefined) keep(join(this.folder, 'spool'), 'spool-kept');
  }
}
