// Everything that is known of one kit, in groups of names and values.
import { CLOCK_TOLERANCE_S } from '../../schema/clock-offset.js';
import type { Kit } from '../../schema/web/answers.js';
import type { Fact } from '../facts.js';
import { ago, bytes, count, duration, NONE, number, percent, position } from '../format.js';

export interface FactGroup {
  readonly title: string;
  readonly facts: readonly Fact[];
}

const HOUR_MS = 3_600_000;
/** The group that has a chart beside it. */
export const SPOOL = 'Spool and link';

function fact(name: string, text: string): Fact {
  return { name, text };
}

function foreign(name: string, text: string | null): Fact {
  return text === null || text === '' ? fact(name, NONE) : { name, text, isForeign: true };
}

function yesNo(value: boolean | null): string {
  if (value === null) return NONE;
  return value ? 'yes' : 'no';
}

export function kitFacts(kit: Kit, nowMs: number): FactGroup[] {
  const groups = [contactOf(kit, nowMs)];
  if (kit.health !== null) groups.push(healthOf(kit.health, nowMs));
  if (kit.sink !== null) groups.push(spoolOf(kit.sink, nowMs), softwareOf(kit.sink, nowMs));
  if (kit.sink !== null && kit.sink.receivers.length > 0) groups.push(radiosOf(kit.sink, nowMs));
  if (kit.ledger !== null) groups.push(ledgerOf(kit.ledger));
  return groups;
}

function contactOf(kit: Kit, nowMs: number): FactGroup {
  const { position: at } = kit;
  return {
    title: 'Kit',
    facts: [
      foreign('id', kit.kit_id),
      foreign('location', kit.location),
      fact('last contact', ago(timeOf(kit.last_contact_at), nowMs)),
      fact('position', at === null ? NONE : position(at.lat, at.lon)),
      fact('altitude', number(at?.alt ?? null, 0, 'm')),
      foreign('API address', kit.api_url),
      fact('polled', kit.api_url === null ? 'no address' : yesNo(kit.enabled)),
      fact('known for', duration(nowMs - Date.parse(kit.created_at))),
    ],
  };
}

function healthOf(health: NonNullable<Kit['health']>, nowMs: number): FactGroup {
  return {
    title: 'Health',
    facts: [
      fact('processor', percent(health.cpu_percent)),
      fact('memory', percent(health.memory_percent)),
      fact('disk', percent(health.disk_percent)),
      fact('temperature', number(health.temp_cpu, 0, '°C')),
      fact('SDR temperature', sdrTemperature(health)),
      fact('GPS fix', yesNo(health.gps_fix)),
      foreign('time source', health.time_source),
      fact('speed', number(health.speed, 1, 'm/s')),
      fact('running for', health.uptime_hours === null ? NONE : duration(health.uptime_hours * HOUR_MS)),
      fact('measured', ago(Date.parse(health.time), nowMs)),
    ],
  };
}

function sdrTemperature({ pluto_temp: pluto, zynq_temp: zynq }: NonNullable<Kit['health']>): string {
  const known = [pluto, zynq].filter((one) => one !== null);
  return known.length === 0 ? NONE : known.map((one) => number(one, 0, '°C')).join(' / ');
}

function spoolOf(sink: NonNullable<Kit['sink']>, nowMs: number): FactGroup {
  const evicted = Object.entries(sink.evicted).filter(([, n]) => n > 0);
  return {
    title: SPOOL,
    facts: [
      fact('waiting', count(sink.waiting)),
      fact('of these', byKind(sink.waiting_by_kind)),
      fact('trend', trendOf(sink)),
      fact('oldest waiting', sink.oldest_at === null ? 'none' : ago(Date.parse(sink.oldest_at), nowMs)),
      fact('on disk', bytes(sink.spool_bytes)),
      fact('link rate', number(sink.delivered_per_s, 1, 'messages/s')),
      fact('evicted', evicted.length === 0 ? 'none' : byKind(sink.evicted)),
      fact('set aside', count(sink.quarantined)),
      fact('handed over', count(sink.handed_over)),
      fact('reconnects', count(sink.reconnects)),
    ],
  };
}

/** In words, for it is what one looks for: does it fill, or does it empty? */
export function trendOf({ waiting, trend_per_min: trend }: NonNullable<Kit['sink']>): string {
  if (trend === null) return 'not known yet';
  if (Math.abs(trend) < 1) return waiting === 0 ? 'empty' : 'steady';
  const rate = number(Math.abs(trend), 0);
  if (trend > 0) return `fills, ${rate} a minute`;
  return waiting === 0 ? 'empty' : `drains, ${rate} a minute, ${duration((waiting / -trend) * 60_000)} left`;
}

function softwareOf(sink: NonNullable<Kit['sink']>, nowMs: number): FactGroup {
  return {
    title: 'Software',
    facts: [
      foreign('dragonsink', sink.version),
      // Neither its API nor its messages say which one runs.
      fact('DragonSync', 'does not tell its version'),
      foreign('hears DragonSync', sink.source_state),
      foreign('wire', sink.wire),
      foreign('delivery', sink.delivery),
      fact('clock', clockOf(sink.clock_offset_s)),
      fact('broker’s certificate', sink.tls_insecure ? 'not checked' : 'checked, or no TLS'),
      foreign('link trouble', sink.link_problem),
      fact('said', ago(Date.parse(sink.said_at), nowMs)),
    ],
  };
}

function radiosOf({ receivers }: NonNullable<Kit['sink']>, nowMs: number): FactGroup {
  return {
    title: 'Radios',
    facts: receivers.map(({ name, enabled, state, last_message_at: lastAt, dropped }) => {
      const heard = lastAt === null ? '' : `, heard ${ago(timeOf(lastAt), nowMs)}`;
      const lost = dropped ? `, ${count(dropped)} dropped` : '';
      return foreign(name, enabled ? `${state}${heard}${lost}` : 'not in use');
    }),
  };
}

function clockOf(offsetS: number | null): string {
  if (offsetS === null) return NONE;
  return Math.abs(offsetS) < CLOCK_TOLERANCE_S ? 'right' : `${number(Math.abs(offsetS), 0, 's')} off`;
}

function ledgerOf(ledger: NonNullable<Kit['ledger']>): FactGroup {
  return {
    title: 'Ledger, in messages',
    facts: [
      fact('received', count(ledger.received)),
      fact('missing', count(ledger.missing)),
      fact('waiting (as of its last status)', count(ledger.waiting)),
      fact('duplicates refused', count(ledger.refused)),
      fact('merged', count(ledger.merged)),
      fact('evicted', count(ledger.evicted)),
      fact('set aside', count(ledger.quarantined)),
      fact('rejected', count(ledger.rejected)),
    ],
  };
}

function byKind(counts: Readonly<Partial<Record<string, number>>>): string {
  const some = Object.entries(counts).filter(([, n]) => (n ?? 0) > 0);
  return some.length === 0 ? NONE : some.map(([kind, n]) => `${count(n ?? 0)} ${kind}`).join(', ');
}

export function timeOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text);
}
