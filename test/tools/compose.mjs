// Docker Compose without a Docker: its own program reads a compose file, and tells what it makes of it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MissingPart, ROOT, run } from './ensure.mjs';

/** The oldest Debian whose package is of the Compose of today: before, it was another program. */
const SUITE = 'trixie';
const FOLDER = join(ROOT, 'node_modules/.cache/compose');
const PROGRAM = join(FOLDER, 'usr/libexec/docker/cli-plugins/docker-compose');

/** Puts it, out of Debian's package, where the tests look; without it they say that they did not try. */
export function ensureCompose() {
  if (existsSync(PROGRAM)) return;
  process.stderr.write(`getting docker-compose out of Debian ${SUITE}: apt-get\n`);
  const fresh = `${FOLDER}-${process.pid}`;
  try {
    unpack(fresh);
    renameSync(fresh, FOLDER);
  } catch (error) {
    if (!(error instanceof MissingPart)) throw error;
    process.stderr.write(`${error.message}; going on without\n`);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** With lists of its own, so that this machine goes on knowing only the packages of its own Debian. */
function unpack(folder) {
  const apt = join(folder, 'apt');
  for (const name of ['lists/partial', 'cache/archives/partial', 'parts'])
    mkdirSync(join(apt, name), { recursive: true });
  writeFileSync(join(apt, 'sources.list'), `${source()}\n`);
  const options = [
    ['Dir::Etc::sourcelist', join(apt, 'sources.list')],
    ['Dir::Etc::sourceparts', join(apt, 'parts')],
    ['Dir::State::lists', join(apt, 'lists')],
    ['Dir::Cache', join(apt, 'cache')],
    ['APT::Sandbox::User', 'root'],
  ].flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  run('apt-get', [...options, '-q', 'update']);
  run('apt-get', [...options, '-q', 'download', 'docker-compose'], { cwd: apt });
  const [archive] = readdirSync(apt).filter((name) => name.endsWith('.deb'));
  run('dpkg-deb', ['-x', join(apt, archive), folder]);
  rmSync(apt, { recursive: true });
}

/** The machine's own source of Debian, for that other one. */
function source() {
  const args = ['indextargets', '--format', '$(REPO_URI) $(CODENAME)', 'Created-By: Packages'];
  const { stdout } = spawnSync('apt-get', args, { encoding: 'utf8' });
  // Not the updates, and not security: they lie elsewhere, and have no such package.
  const found = /^(\S+\/debian\/?) [a-z]+$/m.exec(stdout ?? '');
  if (found === null) throw new MissingPart("no source of Debian's packages here");
  return `deb ${found[1]} ${SUITE} main`;
}
