// The server's HTTP API as the page asks it: each answer with its type, each refusal with what to do next.
import type {
  ConnectionTest,
  HealthAnswer,
  Kit,
  KitHealthSeries,
  KitList,
  Removed,
  Session,
  SignalList,
  Timeline,
  TrackList,
} from '../schema/web/answers.js';

/** The server said no, or nothing. */
export class ApiError extends Error {
  constructor(
    /** `login`, `operator`, `database`, and others of the API; `away` when no answer came. */
    readonly code: string,
    message: string,
    readonly hint: string | null,
  ) {
    super(message);
  }
}

/** A server that says nothing for so long is as good as away. */
const TIMEOUT_MS = 10_000;
/** Deleting the rows of a kit takes its time. */
const LONG_TIMEOUT_MS = 600_000;

/** The session has ended, or was never one of an operator. */
const NOT_US = new Set(['login', 'operator', 'csrf']);

type Parameters = Readonly<Record<string, string | number | boolean | null>>;

export class Api {
  /** Of the session; goes with everything that changes something. */
  private csrf: string | null = null;
  private readonly refused: (() => void)[] = [];

  /** Called when the server no longer takes us for who we were. */
  onRefused(watcher: () => void): void {
    this.refused.push(watcher);
  }

  async session(): Promise<Session> {
    return this.keep(await this.get<Session>('/api/session'));
  }

  async login(token: string): Promise<Session> {
    return this.keep(await this.send<Session>('POST', '/api/login', { token }));
  }

  async logout(): Promise<Session> {
    return this.keep(await this.send<Session>('POST', '/api/logout', {}));
  }

  health(): Promise<HealthAnswer> {
    return this.get('/api/health');
  }

  kits(): Promise<KitList> {
    return this.get('/api/kits');
  }

  kitHealth(kitId: string, range: Parameters, signal?: AbortSignal): Promise<KitHealthSeries> {
    return this.get(withQuery(`${kitPath(kitId)}/health`, range), signal);
  }

  tracks(query: Parameters, signal?: AbortSignal): Promise<TrackList> {
    return this.get(withQuery('/api/tracks', query), signal);
  }

  signals(query: Parameters, signal?: AbortSignal): Promise<SignalList> {
    return this.get(withQuery('/api/signals', query), signal);
  }

  timeline(query: Parameters, signal?: AbortSignal): Promise<Timeline> {
    return this.get(withQuery('/api/timeline', query), signal);
  }

  testConnection(apiUrl: string): Promise<ConnectionTest> {
    return this.send('POST', '/api/kits/test', { api_url: apiUrl });
  }

  addKit(kit: { kit_id: string; api_url: string; name?: string; location?: string }): Promise<Kit> {
    return this.send('POST', '/api/kits', kit);
  }

  changeKit(kitId: string, change: { name?: string; location?: string | null; enabled?: boolean }): Promise<Kit> {
    return this.send('PATCH', kitPath(kitId), change);
  }

  removeKit(kitId: string, withData: boolean): Promise<Removed> {
    return this.send('DELETE', withQuery(kitPath(kitId), { data: withData }), null, LONG_TIMEOUT_MS);
  }

  private keep(session: Session): Session {
    this.csrf = session.csrf;
    return session;
  }

  private get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
    const late = AbortSignal.timeout(TIMEOUT_MS);
    return this.ask(path, { signal: signal === undefined ? late : AbortSignal.any([late, signal]) });
  }

  private send<Answer>(method: string, path: string, body: object | null, timeoutMs = TIMEOUT_MS): Promise<Answer> {
    const headers: Record<string, string> = {};
    if (body !== null) headers['content-type'] = 'application/json';
    if (this.csrf !== null) headers['x-csrf-token'] = this.csrf;
    const content = body === null ? {} : { body: JSON.stringify(body) };
    return this.ask(path, { method, headers, signal: AbortSignal.timeout(timeoutMs), ...content });
  }

  private async ask<Answer>(path: string, options: RequestInit): Promise<Answer> {
    try {
      return await answerOf<Answer>(path, options);
    } catch (thrown: unknown) {
      if (thrown instanceof ApiError && NOT_US.has(thrown.code)) for (const tell of this.refused) tell();
      throw thrown;
    }
  }
}

function kitPath(kitId: string): string {
  return `/api/kits/${encodeURIComponent(kitId)}`;
}

/** What is null or '' is left out. */
export function withQuery(path: string, parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

async function answerOf<Answer>(path: string, options: RequestInit): Promise<Answer> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(path, { cache: 'no-store', ...options });
    body = await response.json();
  } catch (thrown: unknown) {
    if (thrown instanceof DOMException && thrown.name === 'AbortError') throw thrown;
    throw new ApiError('away', 'the server does not answer', 'see whether dragonsink server still runs');
  }
  if (response.ok) return body as Answer;
  const { error } = body as { error?: { code?: string; message?: string; hint?: string | null } };
  throw new ApiError(
    error?.code ?? 'internal',
    error?.message ?? `the server answered ${response.status}`,
    error?.hint ?? null,
  );
}

/** True of a request that the page itself gave up. */
export function isAborted(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === 'AbortError';
}

/** What a person reads of it: what happened, and what to do. */
export function toMessage(thrown: unknown): string {
  if (thrown instanceof ApiError) return thrown.hint === null ? thrown.message : `${thrown.message}: ${thrown.hint}`;
  return thrown instanceof Error ? thrown.message : String(thrown);
}
