// The same faults with a kit that sends everything in stream frames.
import type { Fault, Setup } from '../fault.js';
import type { Random } from '../random.js';

export function inFrames(fault: Fault): Fault {
  return {
    ...fault,
    id: `${fault.id}-frames`,
    what: `${fault.what}; in stream frames`,
    setup: (random: Random): Setup => {
      const setup = fault.setup?.(random) ?? {};
      return { ...setup, mqtt: [...(setup.mqtt ?? []), 'mqtt_wire = stream'] };
    },
  };
}
