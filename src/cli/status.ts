// `dragonsink status`: the kit's half of the ledger, from the running kit, or from its spool when none runs.
import { EVICTION_ORDER } from '../kit/classes.js';
import { countsOf, ledgerOf, spoolOf } from '../kit/status.js';
import { type KitStatus, kitStatus } from '../schema/status.js';
import { loadKitSettings } from '../settings/kit-settings.js';
import { viewSpool } from '../spool/open-spool.js';

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

export async function statusCommand(options: { config: string; json?: boolean }): Promise<number> {
  const { settings } = loadKitSettings(options.config);
  const report = (await ask(settings.KIT.status_port)) ?? look(settings.SPOOL.path);
  process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : describe(report));
  return problems(report).length === 0 ? 0 : EXIT_DEGRADED;
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

function runningProblems({ link, source, counts }: KitStatus): string[] {
  const found: string[] = [];
  if (link.enabled === true && !link.connected) found.push('not connected to the broker: the log says why');
  const { denied = [] } = link;
  if (denied.length > 0) found.push(`the broker does not let us publish: ${denied.join(', ')}`);
  if (link.deaf === true) found.push('the broker does not let us hear the servers: no acknowledgement can come');
  if (typeof link.store_conflict === 'string') {
    found.push(`a server with another database is ignored; if ours was replaced: dragonsink spool rebind`);
  }
  if (link.connected && link.delivery === 'database' && link.served === false) {
    found.push('no server is there: everything stays in the spool');
  }
  if (source.state !== 'ok') found.push(`DragonSync: ${source.state}`);
  if (typeof source['kit_id_conflict'] === 'string')
    found.push(`another kit id was found: ${source['kit_id_conflict']}`);
  if (counts.refused > 0) found.push(`a full spool has refused observations ${counts.refused} times`);
  return found;
}

function describe(report: StatusReport): string {
  const { spool, counts } = report;
  const evicted = Object.entries(counts.evicted).map(([kind, n]) => `${n} ${kind}`);
  const lines = [
    `kit        ${report.kit_id || '(not known yet)'}${report.running ? `, dragonsink ${report.version}` : ', not running'}`,
    `accepted   ${counts.accepted}`,
    `delivered  ${counts.delivered}`,
    `waiting    ${spool.waiting}${spool.oldest_at === null ? '' : `, the oldest since ${spool.oldest_at}`}`,
    ...(spool.handed_over > 0 ? [`handed over ${spool.handed_over} to the broker, kept for a server`] : []),
    `evicted    ${evicted.length === 0 ? 0 : evicted.join(', ')}`,
    `spool      ${(spool.bytes / 1e6).toFixed(1)} MB`,
  ];
  if (report.running) {
    lines.push(`resent     ${report.counts.resent}`, `refused    ${report.counts.refused}`);
    lines.push(
      `link       ${report.link.connected ? 'connected' : 'not connected'}, ${report.link.reconnects} reconnects`,
    );
    lines.push(`DragonSync ${report.source.state}`);
  }
  if (report.running && report.link.tls_insecure === true) {
    lines.push('warning    the certificate of the broker is not checked (mqtt_tls_insecure): anybody can pose as it');
  }
  return `${[...lines, ...problems(report).map((problem) => `problem    ${problem}`)].join('\n')}\n`;
}
