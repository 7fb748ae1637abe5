// `npm run faults`: makes everything ready, then hands over to the fault suite (test/faults/run.ts).
import { join } from 'node:path';
import {
  ensureBuild,
  ensureDependencies,
  ensureFaketime,
  ensureMosquitto,
  ensurePostgres,
  ROOT,
  runTool,
} from './ensure.mjs';
import { handOver } from './hand-over.mjs';

runTool(async () => {
  await ensureDependencies();
  ensureBuild();
  ensureMosquitto();
  ensurePostgres();
  ensureFaketime();
  handOver(['--import', 'tsx', join(ROOT, 'test/faults/run.ts'), ...process.argv.slice(2)], { cwd: ROOT });
});
