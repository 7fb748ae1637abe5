// axios' door: asks DragonSync's HTTP API (DragonSync api_server.py), which is Python's http.server: HTTP/1.0, a
// connection per request, NaN in its JSON, 503 before the first status, 429 when asked too often.
import { Agent } from 'node:http';
import axios, { type AxiosInstance, type AxiosResponse } from 'axios';
import { errorCode, SourceError, toError } from '../base/errors.js';
import { isObject, type JsonObject, parseJson } from '../base/json.js';
import { RequestBudget } from './request-budget.js';

export interface DragonSyncApiOptions {
  /** `http://127.0.0.1:8088` */
  readonly baseUrl: string;
  /** The loopback address we come from, so that its budget is ours alone; used only towards loopback. */
  readonly localAddress: string;
  /** For the whole answer, not only for its beginning. */
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
  readonly budget?: RequestBudget;
}

/** DragonSync holds a lock on its drones while it publishes them: it may take seconds to answer. */
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 8 * 1024 * 1024;
const DEFAULT_RETRY_AFTER_MS = 60_000;
const UNREACHABLE = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN']);
const LOOPBACK = /^(127\.|localhost$|\[::1\]$)/;

/** DragonSync asks to be left alone for `retryAfterMs`. */
export class RateLimitedError extends SourceError {
  constructor(readonly retryAfterMs: number) {
    super(`DragonSync's request budget is used up for ${Math.ceil(retryAfterMs / 1_000)} s`, {
      code: 'rate-limited',
      retryable: true,
      hint: 'another program on this kit asks it too; raise api_poll_s if this stays',
    });
  }
}

export class DragonSyncApi {
  private readonly http: AxiosInstance;
  private readonly budget: RequestBudget;
  private localAddress: string | undefined;

  constructor(private readonly options: DragonSyncApiOptions) {
    this.budget = options.budget ?? new RequestBudget();
    this.localAddress = LOOPBACK.test(new URL(options.baseUrl).hostname) ? options.localAddress : undefined;
    this.http = axios.create({
      baseURL: options.baseUrl,
      // HTTP_PROXY in the environment would take calls to 127.0.0.1 elsewhere.
      proxy: false,
      maxRedirects: 0,
      maxContentLength: options.maxBytes ?? MAX_BYTES,
      responseType: 'text',
      // axios would hand a body with NaN over as a string, silently.
      transformResponse: (body: unknown) => body,
      validateStatus: () => true,
    });
  }

  /** Drones and aircraft, mixed. @throws SourceError */
  drones(): Promise<JsonObject[]> {
    return this.list('/drones', 'drones');
  }

  /** @throws SourceError */
  signals(): Promise<JsonObject[]> {
    return this.list('/signals', 'signals');
  }

  /** The kit's health; null before DragonSync has heard of it. @throws SourceError */
  async status(): Promise<JsonObject | null> {
    const response = await this.get('/status');
    if (response.status === 503) return null;
    const body = this.parse('/status', response);
    if (!isObject(body)) throw this.garbage('/status', 'not an object');
    return body;
  }

  /** What of DragonSync's own configuration it shows, without secrets. @throws SourceError */
  async config(): Promise<JsonObject> {
    const body = this.parse('/config', await this.get('/config'));
    if (!isObject(body)) throw this.garbage('/config', 'not an object');
    return body;
  }

  private async list(path: string, key: string): Promise<JsonObject[]> {
    const body = this.parse(path, await this.get(path));
    const entries = isObject(body) ? body[key] : undefined;
    if (!Array.isArray(entries)) throw this.garbage(path, `no list "${key}"`);
    return entries.filter(isObject);
  }

  private parse(path: string, response: AxiosResponse<string>): unknown {
    if (response.status !== 200) {
      throw new SourceError(`DragonSync answered ${response.status} on ${path}`, {
        code: 'unavailable',
        retryable: true,
        hint: 'look at DragonSync: journalctl -u dragonsync',
      });
    }
    try {
      return parseJson(response.data);
    } catch (thrown: unknown) {
      throw this.garbage(path, toError(thrown).message, thrown);
    }
  }

  private garbage(path: string, what: string, cause?: unknown): SourceError {
    return new SourceError(`DragonSync's answer on ${path} can't be read: ${what}`, {
      code: 'garbage',
      retryable: true,
      hint: `is api_url (${this.options.baseUrl}) really DragonSync's?`,
      cause,
    });
  }

  private async get(path: string): Promise<AxiosResponse<string>> {
    const waitMs = this.budget.waitMs();
    if (waitMs > 0) throw new RateLimitedError(waitMs);
    this.budget.spend();
    let response: AxiosResponse<string>;
    try {
      response = await this.request(path);
    } catch (thrown: unknown) {
      if (errorCode(thrown) !== 'EADDRNOTAVAIL' || this.localAddress === undefined) throw this.explain(path, thrown);
      this.localAddress = undefined; // not every system has all of 127.0.0.0/8
      return this.get(path);
    }
    if (response.status === 429) {
      const retryAfterMs = readRetryAfter(response.headers['retry-after']);
      this.budget.hold(retryAfterMs);
      throw new RateLimitedError(retryAfterMs);
    }
    return response;
  }

  private async request(path: string): Promise<AxiosResponse<string>> {
    const { localAddress } = this;
    const httpAgent = new Agent({ keepAlive: false, ...(localAddress === undefined ? {} : { localAddress }) });
    // axios' own timeout does not end an answer that drips.
    const signal = AbortSignal.timeout(this.options.timeoutMs ?? TIMEOUT_MS);
    return this.http.get<string>(path, { httpAgent, signal });
  }

  private explain(path: string, thrown: unknown): SourceError {
    const code = errorCode(thrown);
    const { message } = toError(thrown);
    const where = this.options.baseUrl + path;
    const details = { retryable: true, cause: thrown };
    if (code === 'ERR_CANCELED' || code === 'ECONNABORTED' || code === 'ETIMEDOUT') {
      const hint = 'DragonSync is busy or hangs: journalctl -u dragonsync';
      return new SourceError(`${where} did not answer in time`, { ...details, code: 'timeout', hint });
    }
    if (/maxContentLength/.test(message)) {
      return new SourceError(`${where}: ${message}`, {
        ...details,
        code: 'too-large',
        hint: 'is this really DragonSync?',
      });
    }
    if (code === 'ECONNREFUSED') {
      const hint = 'is DragonSync running, and is api_enabled = true in its config.ini?';
      return new SourceError(`nothing listens at ${this.options.baseUrl}`, { ...details, code: 'refused', hint });
    }
    if (UNREACHABLE.has(code)) {
      const hint = 'is the host in the URL right, and is there a way to it?';
      return new SourceError(`${where}: ${message}`, { ...details, code: 'unreachable', hint });
    }
    const hint = 'the answer broke off: DragonSync may have been restarted';
    return new SourceError(`${where}: ${message}`, { ...details, code: 'garbage', hint });
  }
}

/** Seconds, or a date (RFC 9110 10.2.3). */
function readRetryAfter(header: unknown): number {
  const seconds = Number(header);
  if (typeof header === 'string' && header !== '' && Number.isFinite(seconds)) return Math.max(0, seconds * 1_000);
  const until = typeof header === 'string' ? Date.parse(header) : Number.NaN;
  return Number.isFinite(until) ? Math.max(0, until - Date.now()) : DEFAULT_RETRY_AFTER_MS;
}
