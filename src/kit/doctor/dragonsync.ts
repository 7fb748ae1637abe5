// Doctor: what DragonSync's API tells. It answers, it names the kit, its GPS has the time, and it publishes where it should.
import { type Check, fail, failed, ok, warn } from '../../base/check.js';
import { isObject, type JsonObject } from '../../base/json.js';
import { gpsReading } from '../../dragonsync/gps-time.js';
import { isKitId } from '../../schema/kit-id.js';

/** The part of DragonSync's API that is asked. */
export interface DragonSyncAnswers {
  status(): Promise<JsonObject | null>;
  config(): Promise<JsonObject>;
}

/** `status` is null when there is none yet, and when the API does not answer. */
export async function checkApi(
  url: string,
  api: Pick<DragonSyncAnswers, 'status'>,
): Promise<{ check: Check; status: JsonObject | null }> {
  try {
    const status = await api.status();
    if (status !== null) return { check: ok('dragonsync', `${url} answers`), status };
    const fix = 'is wardragon_monitor running? DragonSync shows no health of this kit (journalctl -u dragonsync)';
    return { check: warn('dragonsync', `${url} answers, and has heard nothing of the kit itself yet`, fix), status };
  } catch (thrown: unknown) {
    return { check: failed('dragonsync', thrown), status: null };
  }
}

export interface KitIds {
  /** [KIT] kit_id; '' to find it. */
  readonly configured: string;
  /** The spool's, for good; null before it is known. */
  readonly fixed: string | null;
  /** `uid` of DragonSync's `/status`. */
  readonly found: unknown;
}

export function checkKitId({ configured, fixed, found }: KitIds): Check {
  const seen = configured !== '' ? configured : isKitId(found) ? found : null;
  if (fixed === null) {
    if (seen !== null) return ok('kit id', `${seen}, from the first start on`);
    return fail('kit id', 'not known, and nothing is sent without it', 'set [KIT] kit_id, or start DragonSync');
  }
  if (seen === null || seen === fixed) return ok('kit id', fixed);
  const fix = 'if this is a cloned disk or the kit got a new id: dragonsink spool new-id';
  return warn('kit id', `this spool is of ${fixed}, and this kit now says ${seen}`, fix);
}

/** What /status is behind by: the monitor reads GPS, disks and sensors one after the other, every 30 s. */
const LATE_S = 20;
const WRONG_S = 120;
/** Nothing of ours ran before: a clock that says so began at some factory's date. */
const OLDEST_MS = Date.UTC(2025, 0, 1);

export function checkClock(status: JsonObject | null, nowMs: number): Check {
  const now = new Date(nowMs).toISOString();
  const fix = 'let it follow the GPS or a time server: timedatectl set-ntp true, or chrony';
  if (nowMs < OLDEST_MS) return fail('clock', `it is ${now} here`, fix);
  const reading = gpsReading(status);
  if (reading === null) return ok('clock', `${now}, and no GPS time to hold against it`);
  const aheadS = (reading.clockMs - reading.gpsMs) / 1_000;
  const text = `${Math.abs(aheadS).toFixed(0)} s ${aheadS > 0 ? 'ahead of' : 'behind'} GPS time`;
  if (Math.abs(aheadS) > WRONG_S) return fail('clock', text, fix);
  if (Math.abs(aheadS) > LATE_S) return warn('clock', text, fix);
  return ok('clock', `${now}, as GPS has it`);
}

export interface Place {
  readonly host: string;
  readonly port: number;
  /** Of a name; itself of an address. */
  readonly addresses: readonly string[];
}

/** Whether DragonSync's own sink publishes to the broker that we publish to. `resolve` gives a host's addresses. */
export async function checkDoublePublishing(
  api: Pick<DragonSyncAnswers, 'config'>,
  ours: Place,
  resolve: (host: string) => Promise<readonly string[]>,
): Promise<Check> {
  const name = 'double publishing';
  const fix = "set mqtt_enabled = false in [SETTINGS] of DragonSync's config.ini, and restart it";
  const sink = await sinkOf(api, ours, resolve);
  if (sink === 'unknown') {
    return warn(name, 'DragonSync does not tell whether it publishes too', `it may well do so: ${fix}`);
  }
  if (sink === 'off') return ok(name, "DragonSync's own MQTT is off");
  if (!sink.isThere) return ok(name, `DragonSync publishes to another broker, ${sink.place}`);
  return warn(name, `DragonSync publishes the same detections to ${sink.place}, at QoS 0`, fix);
}

/** With source = mqtt: whether DragonSync publishes to where we are listening, an endpoint of ours or a broker. */
export async function checkPushing(
  api: Pick<DragonSyncAnswers, 'config'>,
  place: Place,
  resolve: (host: string) => Promise<readonly string[]>,
): Promise<Check> {
  const name = 'push';
  const at = `mqtt_host = ${place.host} and mqtt_port = ${place.port}`;
  const fix = `set mqtt_enabled = true, ${at} in [SETTINGS] of DragonSync's config.ini, and restart it`;
  const sink = await sinkOf(api, place, resolve);
  if (sink === 'unknown') return warn(name, 'DragonSync does not tell whether it publishes over MQTT', fix);
  if (sink === 'off') return warn(name, "DragonSync's own MQTT is off: detections are polled", fix);
  if (!sink.isThere) return warn(name, `DragonSync publishes to ${sink.place}: detections are polled`, fix);
  return ok(name, `DragonSync publishes to ${sink.place}, where we listen`);
}

type Sink = 'unknown' | 'off' | { readonly place: string; readonly isThere: boolean };

/** Where DragonSync's own sink publishes to, and whether that is `place`. */
async function sinkOf(
  api: Pick<DragonSyncAnswers, 'config'>,
  place: Place,
  resolve: (host: string) => Promise<readonly string[]>,
): Promise<Sink> {
  let mqtt: unknown;
  try {
    mqtt = (await api.config())['mqtt'];
  } catch {
    return 'unknown';
  }
  if (!isObject(mqtt) || mqtt['enabled'] !== true) return 'off';
  const host = String(mqtt['host']);
  const isThere = Number(mqtt['port']) === place.port && shares(place, host, await resolve(host));
  return { place: `${host}:${String(mqtt['port'])}`, isThere };
}

function shares({ host, addresses }: Place, other: string, others: readonly string[]): boolean {
  return other === host || others.some((address) => addresses.includes(address));
}
