// The arguments of the commands that look at a running system: status, doctor, watch; and of completion.
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { KINDS, type Kind } from '../schema/kinds.js';
import { SHELLS, type Shell } from './completion.js';
import type { DoctorOptions } from './doctor.js';
import type { StatusOptions } from './status.js';
import type { WatchOptions } from './watch.js';

type Run = (command: () => Promise<number>) => () => Promise<void>;

export function fieldCommands(program: Command, run: Run, configOption: () => Option): void {
  program
    .command('status')
    .description("the kit's state and its half of the ledger; also when `dragonsink kit` is not running")
    .addOption(configOption())
    .addOption(new Option('--watch', 'drawn anew every second, until q').conflicts('json'))
    .option('--json', 'one JSON object')
    .action((options: StatusOptions) => run(async () => (await import('./status.js')).statusCommand(options))());

  program
    .command('doctor')
    .description('looks at everything that a kit needs, and says what to do about what is not as it should be')
    .addOption(configOption())
    .option('--server', "a server, by its environment, instead of a kit's config.ini")
    .option('--json', 'one JSON object')
    .action((options: DoctorOptions) => run(async () => (await import('./doctor.js')).doctorCommand(options))());

  program
    .command('watch')
    .description('what goes over the broker, as it comes (its address from the environment, as the server has it)')
    .option('--reader <file>', 'the broker and a credential for it: the file of `dragonsink enrol --reader`')
    .addOption(new Option('-c, --config <file>', "the address from a kit's config.ini").conflicts('reader'))
    .addOption(new Option('--username <name>', "a reader's, never the kit's or the server's").conflicts('reader'))
    .addOption(new Option('--password-file <file>', 'its password').conflicts('reader'))
    .addOption(new Option('--kind <kind>', 'of this kind only; may be said again').choices(KINDS).argParser(kindOf))
    .addOption(new Option('-n, --count <n>', 'so many messages, then leave').argParser(atLeastOne))
    .option('--json', 'one JSON object a line')
    .action((options: WatchOptions) => run(async () => (await import('./watch.js')).watchCommand(options))());

  program
    .command('completion')
    .description('what a shell needs to complete our commands: eval "$(dragonsink completion bash)"')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: Shell) => run(async () => (await import('./completion.js')).completionCommand(shell, program))());
}

function kindOf(text: string, before: readonly Kind[] = []): Kind[] {
  const kind = KINDS.find((one) => one === text);
  if (kind === undefined) throw new InvalidArgumentError(`one of ${KINDS.join(', ')}`);
  return [...before, kind];
}

function atLeastOne(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('a number from 1 on');
  return Number(text);
}
