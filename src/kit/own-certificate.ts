// The kit's own certificate: the one it was enrolled with, or one for the same key that a server has handed it since. The
// newer one is tried first, and the other one in turn for as long as the broker does not let the kit in.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import { writeWholeFile } from '../base/whole-file.js';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile?: string | undefined;
  /** Where one that is handed over is kept. */
  readonly renewedFile: string;
}

/** Beside the spool: what is in /etc is not the kit's to change. */
export function renewedFileBeside(spoolPath: string): string {
  return join(dirname(spoolPath), 'kit-renewed.crt');
}

/** In the order in which to try them; what can't be used is left out, and the one of the enrolment never is. */
export function certificatesOf({ certFile, keyFile, renewedFile }: CertificateFiles): readonly string[] {
  if (!existsSync(renewedFile)) return [certFile];
  try {
    const [enrolled, renewed] = [read(certFile), read(renewedFile)];
    const isOurs = renewed.checkPrivateKey(createPrivateKey(readFileSync(keyFile)));
    return isOurs && endOf(renewed) > endOf(enrolled) ? [renewedFile, certFile] : [certFile];
  } catch {
    return [certFile]; // whoever connects with it says what is wrong
  }
}

export class OwnCertificate {
  /** When the one ends that the kit is connected with: ISO 8601 UTC; null before it was connected. */
  endsAt: string | null = null;
  private failures = 0;
  private hasDoubted = false;

  constructor(
    private readonly files: CertificateFiles,
    private readonly log: Logger,
  ) {}

  /** The file to connect with. */
  next(): string {
    const files = certificatesOf(this.files);
    return files[this.failures % files.length] ?? this.files.certFile;
  }

  /** What became of it. */
  tried(file: string, isIn: boolean): void {
    if (!isIn) {
      this.failures += 1;
      return;
    }
    this.failures = 0;
    try {
      this.endsAt = new Date(endOf(read(file))).toISOString();
    } catch {
      this.endsAt = null; // it was there a moment ago
    }
    if (file !== certificatesOf(this.files)[0])
      this.log.warn('connected with the certificate of before: the new one failed');
  }

  /** Keeps one that a server has handed over; true when the kit is to connect with it. */
  async take(pem: string): Promise<boolean> {
    try {
      const offered = new X509Certificate(pem);
      if (this.endsAt === null || endOf(offered) <= Date.parse(this.endsAt)) return false;
      const problem = this.problemWith(offered);
      if (problem !== null) {
        if (!this.hasDoubted) this.log.warn(`a server offers a certificate that is not for this kit: ${problem}`);
        this.hasDoubted = true;
        return false;
      }
      await writeWholeFile(this.files.renewedFile, [offered.toString()], { mode: 0o640 });
      this.log.info({ endsAt: offered.validTo }, 'a server has handed over a new certificate: connecting with it');
      return true;
    } catch (thrown: unknown) {
      this.log.error(`the certificate that a server has handed over could not be kept: ${toError(thrown).message}`);
      return false;
    }
  }

  /** The broker has the last word: only it knows for sure the authority that signs for kits. */
  private problemWith(offered: X509Certificate): string | null {
    const { certFile, keyFile, caFile } = this.files;
    const enrolled = read(certFile);
    if (!offered.checkPrivateKey(createPrivateKey(readFileSync(keyFile)))) return 'it is of another key';
    if (offered.subject !== enrolled.subject) return 'it is for another name';
    if (offered.issuer !== enrolled.issuer) return 'it is of another authority';
    const authority = caFile === undefined ? null : read(caFile);
    if (authority === null || authority.subject !== enrolled.issuer) return null;
    return offered.verify(authority.publicKey) ? null : 'it is not signed by the authority of this fleet';
  }
}

function read(file: string): X509Certificate {
  return new X509Certificate(readFileSync(file));
}

function endOf({ validTo }: X509Certificate): number {
  return Date.parse(validTo);
}
