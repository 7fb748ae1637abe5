#!/usr/bin/env node
// argv -> command -> exit code. A command's code is loaded when it is called: a kit never loads PostgreSQL.
import { existsSync } from 'node:fs';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { AppError, ConfigError, toError } from './base/errors.js';
import { printable } from './base/printable.js';
import { keepHeapSmall } from './base/small-heap.js';
import { VERSION } from './base/version.js';
import { enrolCommands } from './cli/enrol-options.js';
import { fieldCommands } from './cli/field-options.js';

const DEFAULT_CONFIG = '/etc/dragonsink/config.ini';
const EXIT = { failed: 1, usage: 2, config: 78 } as const;

/** Runs a command and leaves with the exit code it returns. */
function run<A extends unknown[]>(command: (...args: A) => Promise<number>): (...args: A) => Promise<void> {
  return async (...args) => {
    try {
      process.exitCode = await command(...args);
    } catch (thrown: unknown) {
      process.exitCode = explain(thrown);
    }
    process.exit();
  };
}

function explain(thrown: unknown): number {
  const error = toError(thrown);
  // Only that of a configuration has lines of its own, and none of them comes from the air.
  const message = error instanceof ConfigError ? error.message : printable(error.message);
  process.stderr.write(`dragonsink: ${message}\n`);
  if (!(error instanceof AppError)) {
    process.stderr.write(`${(error.stack ?? '').split('\n').map(printable).join('\n')}\n`);
    return EXIT.failed;
  }
  if (error.hint !== undefined) process.stderr.write(`what to do: ${printable(error.hint)}\n`);
  return error instanceof ConfigError ? EXIT.config : EXIT.failed;
}

const configOption = (): Option => new Option('-c, --config <file>', "the kit's config.ini").default(DEFAULT_CONFIG);

const program = new Command('dragonsink')
  .description('Gets drone detections off a WarDragon kit and into a database without losing one.')
  .version(VERSION)
  .showHelpAfterError()
  .exitOverride();

program
  .command('kit')
  .description('run on the kit: read DragonSync, spool, publish')
  .addOption(configOption())
  .action(
    run(async (options: { config: string }) => {
      keepHeapSmall();
      return (await import('./cli/kit.js')).kitCommand(options);
    }),
  );

program
  .command('server')
  .description('run beside the broker and the database: subscribe, store (settings from the environment)')
  .action(run(async () => (await import('./cli/server.js')).serverCommand()));

fieldCommands(program, run, configOption);

program
  .command('ledger')
  .description("the server's half of the ledger: what was received of each kit")
  .option('--kit <id>', 'one kit only')
  .option('--database <url>', 'instead of DATABASE_URL')
  .option('--json', 'one JSON object')
  .action(
    run(async (options: { kit?: string; database?: string; json?: boolean }) =>
      (await import('./cli/ledger.js')).ledgerCommand(options),
    ),
  );

program
  .command('ingest-file <file>')
  .description('store what `dragonsink spool export` wrote on a kit, and tell the kit what it may delete')
  .option('--ack-file <file>', 'write the acknowledgement for `dragonsink spool ack` here')
  .option('--database <url>', 'instead of DATABASE_URL')
  .option('--json', 'one JSON object')
  .action(
    run(async (file: string, options: { ackFile?: string; database?: string; json?: boolean }) =>
      (await import('./cli/ingest-file.js')).ingestFileCommand(file, options),
    ),
  );

const spool = program
  .command('spool')
  .description('what the kit holds back, and what it set aside; also while it runs');
interface SpoolOptions {
  readonly config: string;
  readonly json?: boolean;
}
const spoolCommands = () => import('./cli/spool.js');

/** `list` is the command that shows the numbers. */
function numberOf(list: string): (text: string) => number {
  return (text) => {
    if (!/^[1-9][0-9]{0,14}$/.test(text)) throw new InvalidArgumentError(`a number that \`${list}\` shows`);
    return Number(text);
  };
}
const SPOOL_LIST = 'dragonsink spool list';
const idArgument = (list = SPOOL_LIST): Argument =>
  new Argument('<id>', `as \`${list}\` shows it`).argParser(numberOf(list));
const idsArgument = (list = SPOOL_LIST): Argument =>
  new Argument('[ids...]', `as \`${list}\` shows them`).argParser((text: string, ids: number[] = []) => [
    ...ids,
    numberOf(list)(text),
  ]);

/** A subcommand for some of the messages in quarantine, or `--all`. */
function spoolChoice(name: 'retry' | 'drop', description: string): void {
  spool
    .command(name)
    .description(description)
    .addArgument(idsArgument())
    .option('--all', 'everything in quarantine')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .action(async (ids: number[] = [], options: SpoolOptions & { all?: boolean }, command: Command) => {
      if (ids.length > 0 === (options.all === true)) command.error('error: name some ids, or --all');
      const chosen = options.all === true ? 'all' : ids;
      const { spoolDrop, spoolRetry } = await spoolCommands();
      await run(() => (name === 'retry' ? spoolRetry : spoolDrop)(chosen, options))();
    });
}

spool
  .command('list')
  .description('how much waits, and each message in quarantine')
  .addOption(configOption())
  .option('--json', 'one JSON object')
  .action(run(async (options: SpoolOptions) => (await spoolCommands()).spoolList(options)));

spool
  .command('show')
  .description('one message in quarantine, whole')
  .addArgument(idArgument())
  .addOption(configOption())
  .option('--json', 'on one line')
  .action(run(async (id: number, options: SpoolOptions) => (await spoolCommands()).spoolShow(id, options)));

spoolChoice('retry', 'send messages in quarantine once more');
spoolChoice('drop', 'give messages in quarantine up, on record as evicted');

spool
  .command('export')
  .description('the whole backlog as JSON lines, for a USB stick: `dragonsink ingest-file` stores it on the server')
  .option('--to <file>', 'instead of standard output')
  .addOption(configOption())
  .action(run(async (options: { config: string; to?: string }) => (await spoolCommands()).spoolExport(options)));

spool
  .command('ack <file>')
  .description('delete what the server has stored: takes the file of `dragonsink ingest-file --ack-file`')
  .addOption(configOption())
  .option('--json', 'one JSON object')
  .action(run(async (file: string, options: SpoolOptions) => (await spoolCommands()).spoolAck(file, options)));

spool
  .command('rebind')
  .description("after the server's database was replaced: bind to the next one that answers")
  .addOption(configOption())
  .option('--json', 'one JSON object')
  .action(run(async (options: SpoolOptions) => (await spoolCommands()).spoolRebind(options)));

spool
  .command('new-id')
  .description("forget the kit's id, once nothing of it is left; the next start finds it anew")
  .addOption(configOption())
  .option('--json', 'one JSON object')
  .action(run(async (options: SpoolOptions) => (await spoolCommands()).spoolNewId(options)));

const kits = program.command('kits').description('the kits that the server knows, and those it polls');
interface KitsOptions {
  readonly database?: string;
  readonly json?: boolean;
}
const kitsCommands = () => import('./cli/kits.js');
const kitArgument = (): Argument => new Argument('<id>', 'as `dragonsink kits list` shows it');
const kitsCommand = (usage: string, description: string): Command =>
  kits
    .command(usage)
    .description(description)
    .option('--database <url>', 'instead of DATABASE_URL')
    .option('--json', 'one JSON object');

kitsCommand('list', 'every kit: where it comes from, whether it is there, and how many rows it has').action(
  run(async (options: KitsOptions) => (await kitsCommands()).kitsList(options)),
);

kitsCommand('show', 'one kit, with a summary of its ledger')
  .addArgument(kitArgument())
  .action(run(async (id: string, options: KitsOptions) => (await kitsCommands()).kitsShow(id, options)));

kitsCommand('add', 'poll a kit over HTTP, also one that is known by MQTT')
  .addArgument(new Argument('<id>', 'the uid that the kit shows at /status'))
  .requiredOption('--api-url <url>', 'its DragonSync API, as http://HOST:8088')
  .option('--name <name>', 'what people call it; unless given, its id')
  .option('--location <place>', 'where it stands')
  .action(
    run(async (id: string, options: KitsOptions & { apiUrl: string; name?: string; location?: string }) =>
      (await kitsCommands()).kitsAdd(id, options),
    ),
  );

kitsCommand('rename', 'give a kit the name that people call it')
  .addArgument(kitArgument())
  .argument('<name>')
  .action(
    run(async (id: string, name: string, options: KitsOptions) => (await kitsCommands()).kitsRename(id, name, options)),
  );

kitsCommand('enable', 'poll it again')
  .addArgument(kitArgument())
  .action(run(async (id: string, options: KitsOptions) => (await kitsCommands()).kitsEnable(id, true, options)));

kitsCommand('disable', 'stop polling it; what it sends over MQTT is stored all the same')
  .addArgument(kitArgument())
  .action(run(async (id: string, options: KitsOptions) => (await kitsCommands()).kitsEnable(id, false, options)));

kitsCommand(
  'remove',
  'delete a kit from the list; its next message registers it again (DATABASE_MAINTAIN_URL, where set)',
)
  .addArgument(kitArgument())
  .option('--data', 'with all its rows, its ledger and its rejects; what it sends meanwhile is stored')
  .option('--yes', 'really')
  .action(
    run(async (id: string, options: KitsOptions & { yes?: boolean; data?: boolean }) =>
      (await kitsCommands()).kitsRemove(id, options),
    ),
  );

const rejects = program.command('rejects').description('messages that could not be stored, and why');
interface RejectsOptions {
  readonly database?: string;
  readonly json?: boolean;
}
const rejectsCommands = () => import('./cli/rejects.js');
const REJECTS_LIST = 'dragonsink rejects list';
const REASONS = 'json, schema, kit, frame, time, retention, database or internal';

function atLeastOne(text: string): number {
  if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new InvalidArgumentError('a number from 1 to 999999');
  return Number(text);
}

rejects
  .command('list')
  .description('the newest of them, and how many there are for each reason')
  .option('--kit <id>', 'of one kit only')
  .option('--reason <reason>', REASONS)
  .addOption(new Option('--limit <n>', 'at most so many').default(50).argParser(atLeastOne))
  .option('--database <url>', 'instead of DATABASE_URL')
  .option('--json', 'one JSON object')
  .action(
    run(async (options: RejectsOptions & { kit?: string; reason?: string; limit: number }) =>
      (await rejectsCommands()).rejectsList(options),
    ),
  );

rejects
  .command('show')
  .description('one of them, with what was kept of the message')
  .addArgument(idArgument(REJECTS_LIST))
  .option('--raw', 'only the bytes that came, as they came: not for a terminal')
  .option('--database <url>', 'instead of DATABASE_URL')
  .option('--json', 'one JSON object')
  .action(
    run(async (id: number, options: RejectsOptions & { raw?: boolean }) =>
      (await rejectsCommands()).rejectsShow(id, options),
    ),
  );

rejects
  .command('retry')
  .description('read them again and store what can be stored now (DATABASE_MAINTAIN_URL, where set)')
  .addArgument(idsArgument(REJECTS_LIST))
  .option('--reason <reason>', `all of one reason: ${REASONS}`)
  .option('--kit <id>', 'all of one kit')
  .option('--all', 'all of them')
  .option('--database <url>', 'instead of both settings')
  .option('--json', 'one JSON object')
  .action(
    async (
      ids: number[] = [],
      options: RejectsOptions & { kit?: string; reason?: string; all?: boolean },
      command: Command,
    ) => {
      const isFiltered = options.all === true || options.reason !== undefined || options.kit !== undefined;
      if (ids.length > 0 === isFiltered) command.error('error: name some ids, or --reason, --kit or --all');
      await run(async () => (await rejectsCommands()).rejectsRetry(ids, options))();
    },
  );

program
  .command('migrate')
  .description("make the server's database, or bring it to this version (DATABASE_MAINTAIN_URL, where set)")
  .option('--database <url>', 'instead of both settings')
  .option('--json', 'one JSON object')
  .action(
    run(async (options: { database?: string; json?: boolean }) =>
      (await import('./cli/migrate.js')).migrateCommand(options),
    ),
  );

enrolCommands(program, run);

const config = program.command('config').description('check, show or make the configuration');
const serverOption = (): Option => new Option('--server', "the server's environment instead of a kit's config.ini");

config
  .command('check')
  .description('say everything that is wrong with it')
  .addOption(configOption())
  .addOption(serverOption())
  .action(
    run(async (options: { config: string; server?: boolean }) =>
      (await import('./cli/config.js')).configCheck(options),
    ),
  );

config
  .command('show')
  .description('the settings in force, and where each comes from; secrets are not shown')
  .addOption(configOption())
  .addOption(serverOption())
  .option('--json', 'one JSON object')
  .action(
    run(async (options: { config: string; server?: boolean; json?: boolean }) =>
      (await import('./cli/config.js')).configShow(options),
    ),
  );

config
  .command('example')
  .description('a commented example with every default')
  .addOption(serverOption())
  .action(run(async (options: { server?: boolean }) => (await import('./cli/config.js')).configExample(options)));

/** A number of them from `least` on. */
function atLeast(least: number): (text: string) => number {
  return (text) => {
    if (!/^[0-9]{1,6}$/.test(text) || Number(text) < least)
      throw new InvalidArgumentError(`a whole number from ${least} on`);
    return Number(text);
  };
}

const simulate = program
  .command('simulate', { hidden: !existsSync(new URL('./cli/simulate.js', import.meta.url)) }) // no bundle has it
  .description('stand-ins, for trying things out: kits, or (as a subcommand) DragonSync')
  .addOption(
    new Option('--kits <n>', 'how many, each with a spool and a connection of its own')
      .default(1)
      .argParser(atLeast(1)),
  )
  .addOption(
    new Option('--first <n>', 'the number of the first, where several of these run').default(1).argParser(atLeast(1)),
  )
  .addOption(new Option('--rate <n>', 'messages a second of each').default(1).argParser(atLeast(1)))
  .option('-c, --config <file>', "a kit's config.ini, for the broker and how to speak to it")
  .action(
    run(
      async ({ config = DEFAULT_CONFIG, ...options }: { config?: string; kits: number; first: number; rate: number }) =>
        (await import('./cli/simulate-kits.js')).simulateKits({ config, ...options }),
    ),
  );

simulate
  .command('dragonsync')
  .description("DragonSync's HTTP API with moving drones, aircraft and signals")
  .option('--port <n>', 'default: a free one', Number)
  .option('--drones <n>', 'how many', Number)
  .option('--aircraft <n>', 'how many', Number)
  .option('--signals <n>', 'how many', Number)
  .option('--seed <n>', 'the same seed moves the same way', Number)
  .action(
    run(async (options: { port?: number; drones?: number; aircraft?: number; signals?: number; seed?: number }) =>
      (await import('./cli/simulate.js')).simulateDragonSync(options),
    ),
  );

try {
  await program.parseAsync();
} catch (thrown: unknown) {
  // Commander has printed what was wrong; --help and --version come this way too, with code 0.
  process.exit(thrown instanceof CommanderError && thrown.exitCode === 0 ? 0 : EXIT.usage);
}
