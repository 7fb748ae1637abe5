// `dragonsink simulate --kits N --rate R`: kits of their own, each with its spool, its identity and its connection, that
// hear simulated drones until they are stopped.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Part, runParts, stopSignal } from '../base/lifecycle.js';
import { createLogger, type Logger } from '../base/log.js';
import { Kit } from '../kit/kit.js';
import type { DragonSyncSource } from '../kit/poller.js';
import { type KitSettings, loadKitSettings } from '../settings/kit-settings.js';
import { createWorld } from '../simulate/world.js';
import { kitOptions } from './kit.js';

export interface SimulateKitsOptions {
  readonly config: string;
  /** How many kits. */
  readonly kits: number;
  /** The number of the first, so that several of these processes make different kits. */
  readonly first: number;
  /** Messages a second of each. */
  readonly rate: number;
}

const SECOND_MS = 1_000;

/** What the kits share is read from a kit's configuration: the broker, the wire, the limits of a spool. */
export async function simulateKits({ config, kits, first, rate }: SimulateKitsOptions): Promise<number> {
  const { settings } = loadKitSettings(config);
  const log = createLogger(settings.KIT.log_level);
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-kits-'));
  try {
    // Spread over the second: real kits do not poll in step.
    const startsAfterMs = (i: number): number => (i / kits) * SECOND_MS;
    const parts = Array.from({ length: kits }, (_, i) =>
      part(first + i, startsAfterMs(i), rate, settings, folder, log),
    );
    await runParts(
      [{ name: 'kits', start: () => all(parts, 'start'), stop: () => all(parts, 'stop') }],
      log,
      stopSignal(log),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
  return 0;
}

function part(
  number: number,
  startsAfterMs: number,
  rate: number,
  settings: KitSettings,
  folder: string,
  log: Logger,
): Part {
  const kitId = `wardragon-SIM${String(number).padStart(4, '0')}`;
  const own: KitSettings = {
    ...settings,
    MQTT: { ...settings.MQTT, mqtt_client_id: '' },
    SPOOL: { ...settings.SPOOL, path: join(folder, `${kitId}.db`) },
    KIT: { ...settings.KIT, kit_id: kitId, status_port: 0 },
  };
  const options = kitOptions(own, log, (error) => log.error({ kitId }, error.message));
  const kit = new Kit({
    ...options,
    source: sourceOf(kitId, rate, number),
    pollMs: SECOND_MS,
    push: null,
    receiverPorts: [],
  });
  return {
    name: kitId,
    start: async () => {
      await delay(startsAfterMs);
      await kit.start();
    },
    stop: () => kit.stop(),
  };
}

/** A drone is heard once a second. */
function sourceOf(kitId: string, drones: number, seed: number): DragonSyncSource {
  const world = createWorld({ kitId, drones, aircraft: 0, signals: 0, seed, nowS: () => Date.now() / SECOND_MS });
  return {
    drones: async () => world.drones() as Record<string, unknown>[],
    signals: async () => [],
    status: async () => world.status() as Record<string, unknown> | null,
  };
}

async function all(parts: readonly Part[], what: 'start' | 'stop'): Promise<void> {
  await Promise.all(parts.map((one) => one[what]()));
}
