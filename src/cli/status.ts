// `dragonsink status`: the kit's half of the ledger, from the running kit, or from its spool when none runs.
import { AppError, toError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { EVICTION_ORDER } from '../kit/classes.js';
import { countsOf, ledgerOf, spoolOf } from '../kit/status.js';
import { isBroken } from '../schema/receivers.js';
import { type KitStatus, kitStatus } from '../schema/status.js';
import { type KitSettings, loadKitSettings } from '../settings/kit-settings.js';
import { viewSpool } from '../spool/open-spool.js';
import { showLive } from './live-screen.js';
import { statusScreen } from './status-screen.js';
import { fit, toJson, wrap } from './terminal.js';

/** What `--json` prints: the status the kit publishes (design: status), and whether it runs. Without a running kit the
 * parts that only it knows (link, source, resent, refused, ...) are left out. */
export type StatusReport = ({ readonly running: true } & KitStatus) | StoppedReport;

interface StoppedReport {
  readonly running: false;
  readonly kit_id: string;
  readonly ledger: KitStatus['ledger'];
  readonly spool: KitStatus['spool'];
  readonly counts: ReturnType<typeof countsOf>;
}

/** 3 when something is wrong that a person should look at. */
const EXIT_DEGRADED = 3;

export interface StatusOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** One screen, with a line left for the prompt that comes back below it. */
const SCREEN = { columns: 80, rows: 23 };

/** With `watch`, drawn anew every second until the user leaves: then 0. */
export async function statusCommand(options: StatusOptions): Promise<number> {
  const { settings } = loadKitSettings(options.config);
  if (options.watch === true) return watchStatus(settings);
  const report = await read(settings);
  const found = problems(report);
  const lines = options.json === true ? [toJson(report)] : statusScreen(report, found, SCREEN);
  process.stdout.write(`${lines.join('\n')}\n`);
  return found.length === 0 ? 0 : EXIT_DEGRADED;
}

async function watchStatus(settings: KitSettings): Promise<number> {
  if (!process.stdout.isTTY) {
    const hint = 'run it in a terminal, or take dragonsink status --json';
    throw new AppError('--watch needs a terminal', { code: 'terminal', hint });
  }
  await showLive(async ({ columns, rows }) => {
    const size = { columns: Math.min(columns, SCREEN.columns), rows: Math.min(rows, SCREEN.rows) - 2 };
    const footer = fit(`${new Date().toISOString()}  q leaves`, size.columns);
    try {
      const report = await read(settings);
      return [...statusScreen(report, problems(report), size), '', footer];
    } catch (thrown: unknown) {
      // A spool that is not there yet may come.
      return [...wrap(printable(toError(thrown).message), size.columns).slice(0, size.rows), '', footer];
    }
  });
  return 0;
}

async function read({ KIT, SPOOL }: KitSettings): Promise<StatusReport> {
  return (await ask(KIT.status_port)) ?? look(SPOOL.path);
}

async function ask(port: number): Promise<StatusReport | null> {
  if (port === 0) return null;
  try {
    const response = await fetch(`http://127.0.0.1:${port}/status`, { signal: AbortSignal.timeout(3_000) });
    return { running: true, ...kitStatus.parse(await response.json()) };
  } catch {
    return null; // not running, or not on this port: the spool itself will tell
  }
}

function look(path: string): StatusReport {
  const view = viewSpool(path, EVICTION_ORDER);
  try {
    const counts = view.counts();
    return {
      running: false,
      kit_id: view.kitId() ?? '',
      ledger: ledgerOf(view.ledger()),
      ...spoolOf(counts),
      counts: countsOf(counts),
    };
  } finally {
    view.close();
  }
}

/** In words, the worst first. */
function problems(report: StatusReport): string[] {
  const found: string[] = [];
  if (!report.running) found.push('dragonsink kit is not running: systemctl status dragonsink-kit');
  if (report.kit_id === '') found.push('the kit id is not known yet: set [KIT] kit_id, or wait for DragonSync');
  if (report.running) found.push(...runningProblems(report));
  const { quarantined = 0 } = report.spool;
  if (quarantined > 0) found.push(`${quarantined} messages are set aside in quarantine: dragonsink spool list`);
  return found;
}

const SOURCE_WORDS: Readonly<Record<string, string>> = {
  polling: 'it pushes nothing over MQTT; its API is polled, with the delay that this has',
  'api-down': 'it pushes over MQTT, but its API does not answer: no aircraft',
};

function runningProblems({ link, source, counts, receivers = {} }: KitStatus): string[] {
  const found: string[] = [];
  if (link.enabled === true && !link.connected) {
    found.push(`not connected to the broker: ${link.problem ?? 'the log says why'}`);
  }
  const { denied = [] } = link;
  if (denied.length > 0) found.push(`the broker does not let us publish: ${denied.join(', ')}`);
  if (link.deaf === true) found.push('the broker does not let us hear the servers: no acknowledgement can come');
  if (typeof link.store_conflict === 'string') {
    found.push(`a server with another database is ignored; if ours was replaced: dragonsink spool rebind`);
  }
  if (link.connected && link.delivery === 'database' && link.served === false) {
    found.push('no server is there: everything stays in the spool');
  }
  if (source.state !== 'ok') found.push(`DragonSync: ${SOURCE_WORDS[source.state] ?? source.state}`);
  const problem = source.push?.problem;
  if (typeof problem === 'string') found.push(problem);
  if (typeof source['kit_id_conflict'] === 'string')
    found.push(`another kit id was found: ${source['kit_id_conflict']}`);
  for (const [name, receiver] of Object.entries(receivers)) {
    if (!isBroken(receiver)) continue;
    const heard = receiver.last_message_at === null ? '' : `, its last message is of ${receiver.last_message_at}`;
    found.push(`the receiver ${name}: ${receiver.state}${heard}`);
  }
  if (counts.refused > 0) found.push(`a full spool has refused observations ${counts.refused} times`);
  return found;
}
