// `npm run demo`: makes everything ready, then hands over to the demo (src/simulate/demo.ts).
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import { ensureBuild, ensureDependencies, ensureMosquitto, ROOT, runTool } from './ensure.mjs';

function handOver() {
  const demo = spawn(process.execPath, [join(ROOT, 'dist/simulate/demo.js'), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  // Ctrl-C in a terminal reaches the demo too, and of a second one it dies without cleaning up.
  const inTerminal = [0, 1, 2].some((fd) => isatty(fd));
  process.once('SIGINT', () => {
    if (!inTerminal) demo.kill('SIGINT');
    process.on('SIGINT', () => {}); // the demo decides when it is over
  });
  process.once('SIGTERM', () => demo.kill('SIGTERM'));
  demo.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
  demo.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}

runTool(() => {
  ensureDependencies();
  ensureBuild();
  ensureMosquitto({ optional: true });
  handOver();
});
