// Doctor: looks at everything a kit needs, from its own disk to the server's database, one check after the other.
import { lookup } from 'node:dns/promises';
import { type Check, fail, failed, ok } from '../../base/check.js';
import { type BrokerAddress, checkName, checkTcp, checkTls } from '../../base/check-network.js';
import { errorCode } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import { isKitId } from '../../schema/kit-id.js';
import { holdSpool, viewSpool } from '../../spool/open-spool.js';
import type { SpoolView } from '../../spool/spool.js';
import { EVICTION_ORDER } from '../classes.js';
import { readKitIdFile } from '../identity.js';
import type { PushPlace } from '../push-link.js';
import {
  checkApi,
  checkClock,
  checkDoublePublishing,
  checkKitId,
  checkPushing,
  type DragonSyncAnswers,
} from './dragonsync.js';
import { checkInItsPlace, type InItsPlaceOptions } from './in-its-place.js';
import type { LinkUse } from './link-checks.js';
import { checkDisk, checkSpool, type SpoolLimits } from './spool.js';

export interface KitDoctorOptions {
  readonly spool: SpoolLimits;
  readonly apiUrl: string;
  readonly api: DragonSyncAnswers;
  /** Where DragonSync should publish itself; null when it is only polled. */
  readonly push: PushPlace | null;
  /** [KIT] kit_id; '' to find it. */
  readonly kitId: string;
  readonly kitIdFile: string;
  /** Null publishes nothing. */
  readonly broker: InItsPlaceOptions['broker'] | null;
  readonly use: Omit<LinkUse, 'kitId'>;
  /** Asks the kit that runs about its own connection; null when none answers. */
  readonly askRunningKit: () => Promise<Check[] | null>;
}

/** In the order in which they are made; `tls` and `certificate` come where they are used. */
const OVER_THE_LINK = ['limits', 'publishing', 'hearing', 'round trip'] as const;

/** Yields each check when it is made, and for those that can't be made, only their names. */
export async function* examineKit(options: KitDoctorOptions): AsyncGenerator<Check | { readonly notTried: string }> {
  const { spool, apiUrl, api, push, broker } = options;
  const view = viewOf(spool.path);
  try {
    yield checkDisk(spool);
    yield checkSpool(spool, () => {
      if ('error' in view) throw view.error;
      return view.counts();
    });
    const { check, status } = await checkApi(apiUrl, api);
    yield check;
    const ids = {
      configured: options.kitId || (readKitIdFile(options.kitIdFile) ?? ''),
      fixed: 'error' in view ? null : view.kitId(),
      found: status?.['uid'],
    };
    yield checkKitId(ids);
    yield checkClock(status, Date.now());
    if (push !== null && check.status === 'fail') yield { notTried: 'push' };
    else if (push !== null) yield await checkPushing(api, await placeOf(push), addressesOf);
    if (broker === null) {
      yield ok('login', 'mqtt_enabled = false: nothing is published, and everything stays in the spool');
      return;
    }
    if (check.status === 'fail') yield { notTried: 'double publishing' };
    else yield await checkDoublePublishing(api, await placeOf(broker), addressesOf);
    const isOpen = yield* examineNetwork(broker);
    const running = await options.askRunningKit();
    if (running !== null) yield* answered(running);
    else if (isOpen) yield* answered(await logIn(options, ids.fixed ?? kitIdOf(ids), view));
    else yield* answered([], ['login']);
  } finally {
    if (!('error' in view)) view.close();
  }
}

/** Up to the broker's door. False when it is shut. */
async function* examineNetwork(broker: BrokerAddress): AsyncGenerator<Check | { readonly notTried: string }, boolean> {
  const rest = broker.tls === undefined ? ['tcp'] : ['tcp', 'tls'];
  const steps = [checkName, checkTcp];
  for (const [i, step] of steps.entries()) {
    const check = await step(broker);
    yield check;
    if (check.status !== 'fail') continue;
    for (const name of rest.slice(i)) yield { notTried: name };
    return false;
  }
  const checks = await checkTls(broker);
  yield* checks;
  return checks.every(({ status }) => status !== 'fail');
}

/** What was found, and the names of what then could not be looked at. */
function* answered(
  checks: readonly Check[],
  also: readonly string[] = [],
): Generator<Check | { readonly notTried: string }> {
  yield* checks;
  const made = new Set(checks.map(({ check }) => check));
  for (const name of [...also, ...OVER_THE_LINK]) if (!made.has(name)) yield { notTried: name };
}

async function logIn(options: KitDoctorOptions, kitId: string | null, view: View): Promise<Check[]> {
  const { broker, use, spool } = options;
  if (broker === null || kitId === null) return [];
  const hold = holdOf(spool.path);
  if ('error' in hold && errorCode(hold.error) === 'held') {
    const fix = 'let it serve its status: set [KIT] status_port to a free port, and restart it';
    return [fail('login', 'not tried: a kit runs on this spool that does not answer, and it would be pushed off', fix)];
  }
  try {
    if ('error' in hold && errorCode(hold.error) !== 'missing') return [failed('login', hold.error)];
    return await checkInItsPlace({ broker, use: { ...use, kitId }, view: 'error' in view ? null : view });
  } finally {
    if (!('error' in hold)) hold.release();
  }
}

type View = SpoolView | { readonly error: unknown };

function viewOf(path: string): View {
  try {
    return viewSpool(path, EVICTION_ORDER);
  } catch (error: unknown) {
    return { error };
  }
}

function holdOf(path: string): ReturnType<typeof holdSpool> | { readonly error: unknown } {
  try {
    return holdSpool(path);
  } catch (error: unknown) {
    return { error };
  }
}

function kitIdOf({ configured, found }: { configured: string; found: JsonObject[string] }): string | null {
  if (configured !== '') return configured;
  return isKitId(found) ? found : null;
}

/** What an endpoint may listen on, and nobody connects to. */
const EVERY_ADDRESS = ['0.0.0.0', '::'];

async function placeOf({ host, port }: Pick<BrokerAddress, 'host' | 'port'>) {
  return { host, port, addresses: await addressesOf(EVERY_ADDRESS.includes(host) ? 'localhost' : host) };
}

async function addressesOf(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return []; // a name that nobody knows is no broker of ours either
  }
}
