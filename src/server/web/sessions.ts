// Who has logged in: sessions in memory, known by the digest of what the cookie says.
import { createHash, randomBytes } from 'node:crypto';

export const COOKIE = 'dragonsink_session';
export const LASTS_S = 12 * 3_600;
const MAX_SESSIONS = 100;

export interface LoggedIn {
  /** What a request that changes something must say besides (the header X-CSRF-Token). */
  readonly csrf: string;
  readonly endsMs: number;
}

export class Sessions {
  /** The oldest first. */
  private readonly sessions = new Map<string, LoggedIn>();

  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  /** A new one, and what its cookie says. */
  begin(): LoggedIn & { readonly id: string } {
    const id = random();
    const session = { csrf: random(), endsMs: this.nowMs() + LASTS_S * 1_000 };
    this.sessions.set(digest(id), session);
    if (this.sessions.size > MAX_SESSIONS) {
      const [first = ''] = this.sessions.keys();
      this.sessions.delete(first);
    }
    return { ...session, id };
  }

  find(id: string): LoggedIn | null {
    const session = this.sessions.get(digest(id));
    if (session === undefined) return null;
    if (session.endsMs > this.nowMs()) return session;
    this.end(id);
    return null;
  }

  end(id: string): void {
    this.sessions.delete(digest(id));
  }
}

function random(): string {
  return randomBytes(32).toString('base64url');
}

function digest(id: string): string {
  return createHash('sha256').update(id).digest('hex');
}

/** The value of our cookie in a request's header. */
export function sessionIn(header: string | undefined): string | null {
  for (const pair of header?.split(';') ?? []) {
    const [name, value] = pair.trim().split('=');
    if (name === COOKIE && value !== undefined && value !== '') return value;
  }
  return null;
}
