// Who asks, and what they may. On a loopback address whoever asks from there may look; to act, and to look from anywhere
// else, takes the operators' token: in a session after a login, or with each request of a program.
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Access as Needed } from '../../schema/web/operations.js';
import { clientOf, networkOf } from './client-address.js';
import { HttpError } from './http-error.js';
import { RateLimit } from './rate-limit.js';
import { COOKIE, LASTS_S, type LoggedIn, Sessions, sessionIn } from './sessions.js';
import { Token } from './token.js';

export type Role = 'none' | 'viewer' | 'operator';

export interface Visitor {
  readonly role: Role;
  /** Of a login in a browser, which sends its cookie with whatever a page makes it send. */
  readonly session: LoggedIn | null;
}

export interface AccessOptions {
  /** The address that is served on is this machine's own. */
  readonly isLocal: boolean;
  /** Null: nobody can act. */
  readonly token: string | null;
  /** What it says of whom it asks for is believed. */
  readonly isProxy: (address: string) => boolean;
}

const LOCAL_NAMES = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
const STRANGER: Visitor = { role: 'none', session: null };
const VIEWER: Visitor = { role: 'viewer', session: null };
const OPERATOR: Visitor = { role: 'operator', session: null };
const LOGIN_HINT = 'log in with the token of HTTP_TOKEN_FILE, or send it as Authorization: Bearer TOKEN';
const NO_TOKEN_HINT = 'put a token into a file that HTTP_TOKEN_FILE names, and start the server again';

export class Access {
  private readonly sessions = new Sessions();
  private readonly token: Token | null;
  /** Of each network that tries, and of all together that have failed lately. */
  private readonly tries = new RateLimit({ burst: 5, everyMs: 12_000 });
  private readonly repeatedTries = new RateLimit({ burst: 10, everyMs: 2_000 });

  constructor(private readonly options: AccessOptions) {
    this.token = options.token === null ? null : new Token(options.token);
  }

  get canLogIn(): boolean {
    return this.token !== null;
  }

  /** @throws HttpError when it shows a token that is wrong. */
  async identify(request: IncomingMessage): Promise<Visitor> {
    const { authorization, cookie } = request.headers;
    const bearer = /^Bearer\b(.*)$/i.exec(authorization ?? '')?.[1];
    // A proxy forwards how one logs in to itself (Basic): that is none of ours.
    if (bearer !== undefined) {
      await this.check(request, bearer.trim());
      return OPERATOR;
    }
    const session = this.sessions.find(sessionIn(cookie) ?? '');
    if (session !== null) return { role: 'operator', session };
    return this.withoutLogin(request);
  }

  /** @throws HttpError `login`, `operator`, `csrf`. */
  admit({ role, session }: Visitor, needed: Needed, request: IncomingMessage): void {
    const changes = request.method !== 'GET' && request.method !== 'HEAD';
    if (changes) refuseOtherSites(request);
    if (changes && session !== null) checkCsrf(session, request);
    if (needed === 'open' || role === 'operator') return;
    const hint = this.canLogIn ? LOGIN_HINT : NO_TOKEN_HINT;
    if (role === 'none') throw new HttpError('login', 'whoever looks here has to log in', hint);
    if (needed === 'operator') throw new HttpError('operator', 'a viewer may not do that', hint);
  }

  /** @returns the session's cookie. @throws HttpError `login`, `rate`, `busy`, `csrf`. */
  async logIn(request: IncomingMessage, token: string): Promise<{ visitor: Visitor; cookie: string }> {
    await this.check(request, token);
    this.logOut(request);
    const { id, ...session } = this.sessions.begin();
    return { visitor: { role: 'operator', session }, cookie: cookieOf(request, id, LASTS_S) };
  }

  /** @returns what takes the cookie away. */
  logOut(request: IncomingMessage): string {
    this.sessions.end(sessionIn(request.headers.cookie) ?? '');
    return cookieOf(request, '', 0);
  }

  /** Who asks without a login, once a session is over. */
  withoutLogin(request: IncomingMessage): Visitor {
    return this.isLocal(request) ? VIEWER : STRANGER;
  }

  private async check(request: IncomingMessage, given: string): Promise<void> {
    if (this.token === null) throw new HttpError('login', 'there is no token to log in with', NO_TOKEN_HINT);
    const who = networkOf(clientOf(request, this.options.isProxy));
    let refund = (): void => {};
    const isRight = await this.token.matches(given, () => {
      refund = this.spend(who);
    });
    if (isRight) return refund();
    throw new HttpError('login', 'the token is not the right one', 'it stands in the file that HTTP_TOKEN_FILE names');
  }

  /**
   * However many guess elsewhere, whoever comes with the right token is let in; who shares their address waits with them,
   * but for a token that is known already.
   *
   * @returns what takes it back, and nothing that others have spent there.
   */
  private spend(who: string): () => void {
    const isNew = this.tries.isNew(who);
    this.tries.spend(who);
    if (!isNew) this.repeatedTries.spend('');
    return () => {
      this.tries.refund(who);
      if (!isNew) this.repeatedTries.refund('');
    };
  }

  /**
   * By the name it asks for, and not through a proxy: a page elsewhere can let its own name point to this machine (DNS
   * rebinding), and a proxy on it asks for whoever asked the proxy.
   */
  private isLocal({ headers }: IncomingMessage): boolean {
    const isForwarded = headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined;
    return this.options.isLocal && !isForwarded && LOCAL_NAMES.test(headers.host ?? '');
  }
}

/** Browsers say where a request comes from; programs do not. A proxy need not keep the name that was asked for. */
function refuseOtherSites({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site'];
  const { origin, host } = headers;
  const isOurs =
    site === undefined
      ? origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
      : site === 'same-origin' || site === 'none';
  if (!isOurs) throw new HttpError('csrf', 'this came from a page of another site');
}

function checkCsrf({ csrf }: LoggedIn, { headers }: IncomingMessage): void {
  const given = Buffer.from(String(headers['x-csrf-token'] ?? ''));
  const right = Buffer.from(csrf);
  if (given.length === right.length && timingSafeEqual(given, right)) return;
  throw new HttpError('csrf', 'the header X-CSRF-Token is not that of the session', 'reload the page');
}

function cookieOf({ headers }: IncomingMessage, value: string, seconds: number): string {
  const secure = headers['x-forwarded-proto'] === 'https' ? '; Secure' : '';
  return `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure}`;
}
