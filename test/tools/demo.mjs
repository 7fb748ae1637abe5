// `npm run demo`: makes everything ready, then hands over to the demo (src/simulate/demo.ts).
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureBuild, ensureDependencies, ensureMosquitto, ROOT } from './ensure.mjs';

ensureDependencies();
ensureBuild();
ensureMosquitto({ optional: true });

const demo = spawn(process.execPath, [join(ROOT, 'dist/simulate/demo.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  // A terminal sends SIGINT to both; whoever sends it to this process alone means the demo too.
  process.on(signal, () => demo.kill(signal));
}
demo.on('exit', (code, signal) => {
  process.exitCode = signal === null ? code : 1;
});
