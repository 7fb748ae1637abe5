#!/usr/bin/env node
// argv -> command -> exit code. A command's code is loaded when it is called: a kit never loads PostgreSQL.
import { Command, CommanderError, Option } from 'commander';
import { AppError, toError } from './base/errors.js';
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
  .action(run(async (options: { config: string }) => (await import('./cli/kit.js')).kitCommand(options)));

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
