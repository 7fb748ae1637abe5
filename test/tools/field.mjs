// `npm run test:field [-- FILE...]`: makes the bundles, and installs and runs them as on a kit: in a Debian that is booted
// with systemd and has no network, in throw-away roots, and under an emulated arm64. Needs root, for all of that.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensureCompose } from './compose.mjs';
import {
  ensureBuild,
  ensureDependencies,
  ensureMosquitto,
  ensurePackages,
  ensurePostgres,
  filesBelow,
  MissingPart,
  ROOT,
  run,
  runTool,
} from './ensure.mjs';
import { handOver } from './hand-over.mjs';

/** The longest file boots a machine and waits for a watchdog or two. */
const FILE_TIMEOUT_MS = 480_000;
/** A command of each Debian package that is needed, or a file of it. */
const NEEDED = {
  debootstrap: '/usr/sbin/debootstrap',
  'systemd-container': '/usr/bin/systemd-nspawn',
  'qemu-user-static': '/usr/bin/qemu-aarch64-static',
  'libc6-arm64-cross': '/usr/aarch64-linux-gnu/lib/libc.so.6',
  'libstdc++6-arm64-cross': '/usr/aarch64-linux-gnu/lib/libstdc++.so.6',
  'mosquitto-clients': '/usr/bin/mosquitto_sub',
  shellcheck: '/usr/bin/shellcheck',
  prometheus: '/usr/bin/promtool',
  'python3-paho-mqtt': '/usr/lib/python3/dist-packages/paho/mqtt/client.py',
  'python3-jinja2': '/usr/lib/python3/dist-packages/jinja2/__init__.py',
};

runTool(async () => {
  if (process.getuid?.() !== 0) throw new MissingPart('this boots a machine, and needs root: sudo npm run test:field');
  ensurePackages(NEEDED);
  await ensureDependencies();
  ensureBuild();
  ensureMosquitto();
  ensurePostgres();
  ensureCompose();
  run(process.execPath, [join(ROOT, 'test/tools/bundle.mjs')]);
  const named = process.argv.slice(2);
  const files =
    named.length > 0 ? named : filesBelow(join(ROOT, 'test/field')).filter((file) => file.endsWith('.test.ts'));
  if (spawnSync('shellcheck', [join(ROOT, 'install.sh')], { stdio: 'inherit' }).status !== 0) {
    throw new MissingPart('install.sh: shellcheck found the above');
  }
  // Two at a time, for they wait; by their names the one that boots a machine, which takes longest, is among the first.
  const options = ['--test-concurrency=2', `--test-timeout=${FILE_TIMEOUT_MS}`, '--test-reporter=spec'];
  handOver(['--import', 'tsx', '--test', ...options, ...files.sort()], { cwd: ROOT });
});
