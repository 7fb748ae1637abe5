// `npm run bench [-- --json]`: makes everything ready, then runs the benchmarks (test/bench/bench.ts).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensureBuild, ensureDependencies, ensureMosquitto, ensurePostgres, ROOT } from './ensure.mjs';

await ensureDependencies();
ensureBuild();
ensureMosquitto();
ensurePostgres();

const args = ['--import', 'tsx', join(ROOT, 'test/bench/bench.ts'), ...process.argv.slice(2)];
process.exitCode = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
