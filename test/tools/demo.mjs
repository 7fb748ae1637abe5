// `npm run demo`: makes everything ready, then hands over to the demo (src/simulate/demo.ts).
import { join } from 'node:path';
import { ensureBuild, ensureDependencies, ensureMosquitto, ROOT, runTool } from './ensure.mjs';
import { handOver } from './hand-over.mjs';

runTool(async () => {
  await ensureDependencies();
  ensureBuild();
  ensureMosquitto({ optional: true });
  handOver([join(ROOT, 'dist/simulate/demo.js'), ...process.argv.slice(2)]);
});
