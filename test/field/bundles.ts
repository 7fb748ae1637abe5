// The bundles that `npm run bundle` made, unpacked, and such as never were: another version, a broken one.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VERSION } from '../../src/base/version.js';

export const ROOT = join(import.meta.dirname, '../..');

export type Arch = 'x64' | 'arm64';

function archiveOf(arch: Arch): string {
  const archive = join(ROOT, 'bundles', `dragonsink-${VERSION}-linux-${arch}.tar.gz`);
  if (!existsSync(archive)) throw new Error(`${archive} is not there: npm run bundle`);
  return archive;
}

/** Checks its checksum first, as its user should. Returns the bundle's folder. */
export function unpack(arch: Arch, into: string): string {
  const archive = archiveOf(arch);
  execFileSync('sha256sum', ['--check', '--quiet', `${archive}.sha256`], { cwd: join(ROOT, 'bundles') });
  execFileSync('tar', ['-xzf', archive, '-C', into]);
  return join(into, `dragonsink-${VERSION}-linux-${arch}`);
}

/** A copy that says it is another version, with something of it changed; its checksums are right. */
export function otherVersion(
  bundle: string,
  folder: string,
  version: string,
  changes: Record<string, string> = {},
): string {
  cpSync(bundle, folder, { recursive: true });
  const manifest = readFileSync(join(bundle, 'package.json'), 'utf8').replace(`"${VERSION}"`, `"${version}"`);
  for (const [name, content] of Object.entries({ ...changes, 'package.json': manifest })) {
    writeFileSync(join(folder, name), content);
    const sum = createHash('sha256').update(content).digest('hex');
    const sums = readFileSync(join(folder, 'SHA256SUMS'), 'utf8').replace(
      new RegExp(`^.*  ${name.replaceAll('.', '\\.')}$`, 'm'),
      `${sum}  ${name}`,
    );
    writeFileSync(join(folder, 'SHA256SUMS'), sums);
  }
  return folder;
}

export interface Installed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** install.sh of a bundle, into a root that is not running. */
export function install(bundle: string, ...args: string[]): Installed {
  const { status, stdout, stderr } = spawnSync(join(bundle, 'install.sh'), args, { encoding: 'utf8' });
  return { code: status ?? -1, out: stdout, err: stderr };
}
