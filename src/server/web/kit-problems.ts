// What is the matter with a kit, and what to do about it: errors first.
import { CLOCK_TOLERANCE_S } from '../../schema/clock-offset.js';
import { isBroken } from '../../schema/receivers.js';
import type { Kit, Problem } from '../../schema/web/answers.js';
import type { Said } from './live/kit-sinks.js';

/** What is known of a kit, but for its problems. */
export type Examined = Omit<Kit, 'problems'>;

/** A reading that old says nothing of now. */
const FRESH_MS = 600_000;
const OLD_BACKLOG_MS = 600_000;
const MANY_WAITING = 100;
/** One that was added just now is asked within half a minute. */
const FIRST_CONTACT_MS = 60_000;

type Rule = (kit: Examined, said: Said | null, nowMs: number, status: string | null) => Problem | null;

const error = (code: string, message: string, hint: string): Problem => ({ severity: 'error', code, message, hint });
const warning = (code: string, message: string, hint: string): Problem => ({
  ...error(code, message, hint),
  severity: 'warning',
});
const many = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** Of an ISO 8601 time: to the minute, as one reads it. */
function minuteOf(time: string | null): string {
  return time === null ? 'long ago' : `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

const STATE: Rule = (kit, _, nowMs, status) => {
  const { kit_id, state, enabled, source, last_contact_at, created_at, api_url } = kit;
  if (!enabled && (source === 'http' || (source === null && api_url !== null))) {
    return warning('disabled', 'it is disabled, and not polled', 'enable it, or remove it from the list');
  }
  if (status === 'error') {
    const message = `${api_url ?? 'its API'} answers, but not as the DragonSync of this kit does`;
    return error('api', message, 'see what answers there: Add HTTP kit…, Test the connection');
  }
  if (last_contact_at === null && state === 'offline') {
    if (nowMs - Date.parse(created_at) < FIRST_CONTACT_MS) return null;
    const hint =
      api_url === null ? 'on the kit run: dragonsink doctor' : `is it on, and does ${api_url} answer from here?`;
    return error('offline', 'it was never heard', hint);
  }
  if (state === 'stale') {
    return warning(
      'stale',
      `not heard since ${minuteOf(last_contact_at)}`,
      'it may have lost its power or its network: wait two minutes',
    );
  }
  if (state !== 'offline') return null;
  return error(
    'offline',
    `not heard since ${minuteOf(last_contact_at)}`,
    `is it on, and in a network? What it hears meanwhile waits in its spool. On the kit: dragonsink status; then: dragonsink ledger --kit ${kit_id}`,
  );
};

const LEDGER: readonly Rule[] = [
  ({ kit_id, ledger }) => {
    if (ledger === null || ledger.missing === 0) return null;
    const message = `${many(ledger.missing, 'message')} neither here nor on the kit`;
    return error(
      'missing',
      message,
      `which: dragonsink ledger --kit ${kit_id}. Was its disk or the database restored from a copy?`,
    );
  },
  (_, said) => {
    if (said?.evicting !== true) return null;
    return warning(
      'evicting',
      'its spool was full within the last 24 h: it gave messages up',
      'raise max_mb or max_age_h in [SPOOL] of its config.ini, or see to its network',
    );
  },
  (_, said) => {
    if (said?.quarantining !== true) return null;
    return warning(
      'quarantined',
      'it set messages aside within the last 24 h that nobody takes',
      'which and why, on the kit: dragonsink spool list; then spool retry, or spool drop',
    );
  },
];

const SPOOL: readonly Rule[] = [
  ({ sink }, _, nowMs) => {
    if (sink === null || sink.waiting === 0 || sink.oldest_at === null) return null;
    if (!(nowMs - Date.parse(sink.oldest_at) > OLD_BACKLOG_MS)) return null;
    const message = `${many(sink.waiting, 'message')} wait in its spool, the oldest since ${minuteOf(sink.oldest_at)}`;
    return warning('old-backlog', message, 'they come when its link and the database keep up: see its trend');
  },
  ({ sink }) => {
    if (sink === null || sink.waiting < MANY_WAITING || (sink.trend_per_min ?? 0) <= 0) return null;
    const message = `its spool grows by ${Math.round(sink.trend_per_min ?? 0)} messages a minute`;
    return warning(
      'growing',
      message,
      'its link is slower than what it hears: mqtt_wire = stream needs a fortieth of it',
    );
  },
  ({ sink }) => {
    const offset = sink?.clock_offset_s ?? 0;
    if (Math.abs(offset) < CLOCK_TOLERANCE_S) return null;
    return warning('clock', `its clock is off by ${offset.toFixed(1)} s`, 'give it GPS time or NTP: timedatectl');
  },
];

const LINK: readonly Rule[] = [
  (_, said) => {
    if (said === null || (said.link.store_conflict ?? null) === null) return null;
    const hint = 'if the database was really replaced, on the kit: dragonsink spool rebind';
    return error('store-conflict', 'it belongs to another database than this', hint);
  },
  (_, said) => {
    if (said?.link.deaf !== true) return null;
    return error(
      'deaf',
      'the broker does not let it hear acknowledgements',
      "check the broker's access rules: dragonsink doctor",
    );
  },
  (_, said) => {
    const denied = said?.link.denied ?? [];
    if (denied.length === 0) return null;
    return error(
      'denied',
      `the broker takes from it no ${denied.join(', ')}`,
      "check the broker's access rules: dragonsink doctor",
    );
  },
  (_, said) => {
    if (said?.link.tls_insecure !== true) return null;
    const hint = 'take mqtt_tls_insecure out of its config.ini, and name the CA in mqtt_ca_file';
    return warning('insecure', 'it does not check the certificate of the broker', hint);
  },
  ({ sink, state }) => {
    if (sink === null || state === 'offline' || GOOD_SOURCE.has(sink.source_state)) return null;
    const known = HALF_A_SOURCE[sink.source_state];
    if (known !== undefined) return warning('source', known, 'on the kit: dragonsink doctor');
    const message = `it hears nothing from DragonSync (${sink.source_state})`;
    return error('source', message, 'on the kit: systemctl status dragonsync, and dragonsink doctor');
  },
  ({ sink, state }) => {
    const broken = state === 'offline' ? [] : (sink?.receivers ?? []).filter(isBroken);
    if (broken.length === 0) return null;
    const names = broken.map(({ name, state: how }) => `${name} (${how})`).join(', ');
    const hint = 'is its antenna and its USB plug in? On the kit: dragonsink status, and the service that decodes it';
    return error('receiver', `a radio of it hears nothing: ${names}`, hint);
  },
];
const HALF_A_SOURCE: Readonly<Record<string, string>> = {
  polling: 'DragonSync pushes nothing to it over MQTT: its API is asked, with the delay that this has',
  'api-down': 'DragonSync pushes to it, but its API does not answer: no aircraft',
};
const GOOD_SOURCE = new Set(['ok', 'starting', 'rate-limited']);

const reading = (read: (health: NonNullable<Kit['health']>) => Problem | null): Rule => {
  return ({ health }, _, nowMs) => {
    return health === null || nowMs - Date.parse(health.time) > FRESH_MS ? null : read(health);
  };
};

const HEALTH: readonly Rule[] = [
  reading(({ disk_percent: disk }) => {
    if (disk === null || disk < 90) return null;
    const found = disk >= 97 ? error : warning;
    return found('disk', `its disk is ${Math.round(disk)} % full`, 'free some space, or lower max_mb in [SPOOL]');
  }),
  reading(({ temp_cpu: temperature }) => {
    if (temperature === null || temperature < 85) return null;
    return warning('temperature', `its processor is at ${Math.round(temperature)} °C`, 'give it shade and air');
  }),
  reading(({ memory_percent: memory }) => {
    if (memory === null || memory < 95) return null;
    return warning(
      'memory',
      `its memory is ${Math.round(memory)} % used`,
      'on the kit: systemctl status, and restart what grows',
    );
  }),
  reading(({ cpu_percent: cpu }) => {
    if (cpu === null || cpu < 95) return null;
    return warning('cpu', `its processor is ${Math.round(cpu)} % busy`, 'on the kit: top');
  }),
  reading(({ gps_fix: fix }) => {
    return fix === false ? warning('gps', 'it has no GPS fix', 'give its antenna a view of the sky') : null;
  }),
];

const RULES: readonly Rule[] = [STATE, ...LEDGER, ...LINK, ...SPOOL, ...HEALTH];

/** @param status as the registry has it. */
export function problemsOf(kit: Examined, said: Said | null, nowMs: number, status: string | null): Problem[] {
  const found = RULES.map((rule) => rule(kit, said, nowMs, status)).filter((problem) => problem !== null);
  return [
    ...found.filter(({ severity }) => severity === 'error'),
    ...found.filter(({ severity }) => severity !== 'error'),
  ];
}
