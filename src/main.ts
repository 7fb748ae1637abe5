#!/usr/bin/env node
// argv -> command -> exit code. A command's code is loaded when it is called: a kit never loads PostgreSQL.
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { AppError, toError } from './base/errors.js';
import { keepHeapSmall } from './base/small-heap.js';
import { VERSION } from './base/version.js';

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
  process.stderr.write(`dragonsink: ${error.message}\n`);
  if (!(error instanceof AppError)) {
    process.stderr.write(`${error.stack ?? ''}\n`);
    return EXIT.failed;
  }
  if (error.hint !== undefined) process.stderr.write(`what to do: ${error.hint}\n`);
  return error.name === 'ConfigError' ? EXIT.config : EXIT.failed;
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

program
  .command('status')
  .description("the kit's state and its half of the ledger; also when `dragonsink kit` is not running")
  .addOption(configOption())
  .option('--json', 'one JSON object')
  .action(
    run(async (options: { config: string; json?: boolean }) =>
      (await import('./cli/status.js')).statusCommand(options),
    ),
  );

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

function messageId(text: string): number {
  if (!/^[1-9][0-9]{0,14}$/.test(text)) throw new InvalidArgumentError('a number that `dragonsink spool list` shows');
  return Number(text);
}
const idArgument = (): Argument => new Argument('<id>', 'as `dragonsink spool list` shows it').argParser(messageId);
const idsArgument = (): Argument =>
  new Argument('[ids...]', 'as `dragonsink spool list` shows them').argParser((text: string, ids: number[] = []) => [
    ...ids,
    messageId(text),
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

const simulate = program.command('simulate').description('stand-ins, for trying things out');

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
