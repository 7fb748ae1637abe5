// The arguments of `dragonsink enrol` and `dragonsink revoke`.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { EnrolOptions } from './enrol.js';
import type { ApplyOptions } from './enrol-apply.js';

type Run = (command: () => Promise<number>) => () => Promise<void>;
type Options = EnrolOptions & ApplyOptions & { readonly apply?: string; readonly renewDue?: true };

const fleetOption = (): Option =>
  new Option('--fleet <dir>', 'the folder of the fleet').default('/etc/dragonsink/fleet').env('FLEET_DIR');

export function enrolCommands(program: Command, run: Run): void {
  program
    .command('enrol [kit]')
    .description("let a kit (a reader, a server) use the fleet's broker: makes one file with its credential")
    .option('--reader <name>', 'a dashboard, which may only read')
    .option('--server <name>', 'a dragonsink server; its SERVER_ID')
    .option('--csr <file>', 'sign this request, made where the private key stays')
    .option('--renew', 'another credential for one that has one; with --init, for the broker')
    .option('--renew-due', 'sign again what ends soon, for the same keys (a timer runs it)')
    .option('--days <n>', 'until the certificate ends (365; of the broker 3650)', whole(36_500))
    .option('--out <file>', 'the file to make (NAME.enrol.json)')
    .option('--list', 'who is enrolled, and how many days are left')
    .option('--init <host>', 'make the fleet; HOST is by which kits reach the broker')
    .option('--names <hosts>', 'with --init: further names and addresses of the broker, commas between')
    .addOption(new Option('--port <n>', 'with --init: where it listens').default(8883).argParser(whole(65_535)))
    .option('--passwords', 'with --init: everybody gets a password, not a certificate')
    .option('--public-ca', "with --init: the broker's own certificate is from a well-known CA")
    .addOption(
      new Option('--tell-broker <command>', 'with --init: how to reload and restart it').default(
        'systemctl {action} mosquitto',
      ),
    )
    .option('--apply <file>', 'on a kit or server: put in place what such a file holds')
    .addOption(new Option('--config-dir <dir>', 'with --apply, --renew-due').default('/etc/dragonsink'))
    .addOption(fleetOption())
    .option('--json', 'one JSON object')
    .action(async (kit: string | undefined, options: Options, command: Command) => {
      checkSubject(kit, options, command);
      const { apply, renewDue } = options;
      await run(async () => {
        if (apply !== undefined) return (await import('./enrol-apply.js')).applyCommand(apply, options);
        if (renewDue === true) return (await import('./enrol-renew.js')).renewDueCommand(options);
        return (await import('./enrol.js')).enrolCommand(kit, options);
      })();
    });

  program
    .command('revoke [kit]')
    .description("shut a kit (a reader, a server) out of the fleet's broker, at once")
    .option('--reader <name>', 'a reader')
    .option('--server <name>', 'a server')
    .addOption(fleetOption())
    .option('--json', 'one JSON object')
    .action(async (kit: string | undefined, options: Options, command: Command) => {
      checkSubject(kit, options, command);
      await run(async () => (await import('./enrol.js')).revokeCommand(kit, options))();
    });
}

/** A call is about one thing. */
function checkSubject(kit: string | undefined, options: Options, command: Command): void {
  const { init, reader, server, apply, list, renewDue } = options;
  const subjects = [kit, init, reader, server, apply, list, renewDue].filter((one) => one !== undefined);
  if (subjects.length !== 1) command.error('error: name one kit, or give one of the options in its place');
}

function whole(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[1-9][0-9]*$/.test(text) || value > max) throw new InvalidArgumentError(`a number from 1 to ${max}`);
    return value;
  };
}
