// A wall clock of the kit's own, which goes as it is told (libfaketime); the time since the boot keeps its pace.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = ['/usr/lib', '/usr/lib64', '/usr/local/lib'];

/** Where the library lies; null when it is not installed. */
export function faketimeLibrary(): string | null {
  const folders = FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) => [
    folder,
    ...readdirSync(folder).map((below) => join(folder, below)),
  ]);
  const files = folders.map((folder) => join(folder, 'faketime', 'libfaketime.so.1'));
  return files.find((file) => existsSync(file)) ?? null;
}

export class FakeClock {
  private readonly file: string;

  constructor(folder: string) {
    this.file = join(folder, 'clock');
    this.set(0);
  }

  /** For the process that is to have it. */
  get env(): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: faketimeLibrary() ?? '',
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** So many milliseconds ahead of the true time. */
  set(aheadMs: number): void {
    writeFileSync(this.file, `${aheadMs < 0 ? '-' : '+'}${(Math.abs(aheadMs) / 1_000).toFixed(3)}\n`);
  }
}
