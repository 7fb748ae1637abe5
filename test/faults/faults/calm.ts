// F0: nothing goes wrong. Then nothing is sent twice either; and a mutant that fails here shows nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { statusCommand } from '../commands.js';
import type { Fault } from '../fault.js';

export const calm: Fault = {
  id: 'F0',
  what: 'nothing: the positive control, in which nothing is resent',
  needs: [],
  setup: () => ({ database: 'postgres', serverFirst: true }),
  async run(world) {
    await sleep(world.rounds(3_000, 60_000));
    const { again } = world.sendings;
    if (again > 0) world.violations.push(`${again} messages were sent twice, and nothing was wrong`);
    const said = await statusCommand(world.options.main, world.configFile);
    if (!said.running) world.violations.push('`dragonsink status` does not see the running kit');
  },
};
