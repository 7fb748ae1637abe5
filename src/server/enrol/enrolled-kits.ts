// Which kits are enrolled, and what was signed for them since, for a server that runs: looked up again when the fleet has
// changed.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EnrolError, toError } from '../../base/errors.js';
import type { Logger } from '../../base/log.js';
import type { Member } from '../../schema/fleet.js';
import { certificateFile, RECORD_FILE, readRecord } from './record.js';

const LOOK_EVERY_MS = 1_000;

export class EnrolledKits {
  private kits: ReadonlyMap<string, Member> = new Map();
  /** Said once of each: they are as many as there are kits. */
  private readonly toldOf = new Set<string>();
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private stamp = '';

  /** @throws EnrolError when there is a fleet, and it can't be read: then nobody could tell whose word counts. */
  constructor(
    private readonly folder: string,
    private readonly log: Logger,
  ) {
    this.read();
    this.lookedAtMs = performance.now();
  }

  /**
   * Whether this kit is enrolled; asked when something came under its name where everybody may write. So is one that was
   * shut out: nobody else may send under its name.
   */
  has(kitId: string): boolean {
    this.look();
    if (!this.kits.has(kitId)) return false;
    if (!this.toldOf.has(kitId)) {
      const message = `${kitId} is enrolled: what comes under its name on shared topics is not taken`;
      this.log.warn({ hint: 'if it is the kit itself, set mqtt_wire = stream there' }, message);
    }
    this.toldOf.add(kitId);
    return true;
  }

  /** A kit's newest certificate (PEM), when it ends after `endsAtMs`, in milliseconds since 1970. */
  newerCertificate(kitId: string, endsAtMs: number): string | null {
    this.look();
    const member = this.kits.get(kitId);
    if (member === undefined || member.revoked_at !== null || member.ends_at === null) return null;
    if (Date.parse(member.ends_at) <= endsAtMs) return null;
    try {
      return readFileSync(certificateFile(this.folder, member.user), 'utf8');
    } catch (thrown: unknown) {
      this.log.error(`the next certificate of ${kitId} can't be read: ${toError(thrown).message}`);
      return null;
    }
  }

  private look(): void {
    if (performance.now() - this.lookedAtMs < LOOK_EVERY_MS) return;
    this.lookedAtMs = performance.now();
    try {
      this.read();
    } catch (thrown: unknown) {
      this.log.error(`${toError(thrown).message}: going by the list of kits as it was`);
    }
  }

  private read(): void {
    const stamp = stampOf(join(this.folder, RECORD_FILE));
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    if (stamp === '') throw new EnrolError(`${this.folder}: ${RECORD_FILE} is gone`, { code: 'record' });
    const { members = [] } = readRecord(this.folder) ?? {};
    this.kits = new Map(members.filter(({ role }) => role === 'kit').map((member) => [member.name, member]));
  }
}

/** Another one for every file that is put in its place; '' when there is none. */
function stampOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? '' : `${found.ino} ${found.mtimeMs} ${found.size}`;
}
