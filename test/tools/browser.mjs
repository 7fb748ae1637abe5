// `npm run test:browser [-- FILE...]`: the page in a real browser, and its HTTP API, against a real broker and the built
// server. Pictures of what the page shows are left in screenshots/.
import { join } from 'node:path';
import {
  ensureBuild,
  ensureDependencies,
  ensureMosquitto,
  ensurePackages,
  ensurePostgres,
  filesBelow,
  ROOT,
  runTool,
} from './ensure.mjs';
import { handOver } from './hand-over.mjs';

const FILE_TIMEOUT_MS = 110_000;
/** Without a font a browser shows boxes, and without these neither Arabic nor an accent. */
const NEEDED = {
  chromium: '/usr/bin/chromium',
  'fonts-dejavu-core': '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf',
};

runTool(async () => {
  ensurePackages(NEEDED);
  await ensureDependencies();
  ensureBuild();
  ensureMosquitto();
  ensurePostgres();
  const named = process.argv.slice(2);
  const files =
    named.length > 0 ? named : filesBelow(join(ROOT, 'test/browser')).filter((file) => file.endsWith('.test.ts'));
  // Two cores, and each waits most of the time.
  const options = ['--test-concurrency=2', `--test-timeout=${FILE_TIMEOUT_MS}`, '--test-reporter=spec'];
  handOver(['--import', 'tsx', '--test', ...options, ...files.sort()], { cwd: ROOT });
});
