// `dragonsink simulate dragonsync`: a stand-in for DragonSync's API, until it is stopped.
import { runParts, stopSignal } from '../base/lifecycle.js';
import { createLogger } from '../base/log.js';
import { SimulatedDragonSync } from '../simulate/dragonsync-api.js';
import { createWorld } from '../simulate/world.js';

export interface SimulateOptions {
  readonly port?: number;
  readonly drones?: number;
  readonly aircraft?: number;
  readonly signals?: number;
  readonly seed?: number;
}

export async function simulateDragonSync({ port = 0, ...things }: SimulateOptions): Promise<number> {
  const log = createLogger('info');
  const api = new SimulatedDragonSync({ world: createWorld({ ...things, nowS: () => Date.now() / 1_000 }), port });
  const part = {
    name: 'simulated DragonSync',
    start: async () => {
      process.stdout.write(`${await api.start()}\n`);
    },
    stop: () => api.stop(),
  };
  await runParts([part], log, stopSignal(log));
  return 0;
}
