// The operators' token, kept as what scrypt makes of it: memory that leaks does not tell it.
import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { HttpError } from './http-error.js';

const KEY_BYTES = 32;
/** 16 MiB and some 50 ms each: RFC 7914's for logins. */
const COST = { N: 16_384, r: 8, p: 1 };
/** Of those that are given at the same time: one is looked at after the other, so that guesses take one core at most. */
const MAX_WAITING = 16;

export class Token {
  private readonly salt = randomBytes(16);
  private readonly key: Promise<Buffer>;
  /** Of a token that was right: a program that sends it with each request is not put to that work each time. */
  private readonly secret = randomBytes(KEY_BYTES);
  private known: Buffer | null = null;
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(token: string) {
    this.key = derive(token, this.salt);
    this.key.catch(() => {}); // whoever asks is told
  }

  /**
   * @param spend called before the work is begun; what it throws keeps it from that.
   * @throws HttpError `busy` when too many wait already.
   */
  async matches(given: string, spend: () => void): Promise<boolean> {
    const digest = createHmac('sha256', this.secret).update(given).digest();
    if (this.known !== null && timingSafeEqual(this.known, digest)) return true;
    spend();
    if (this.waiting >= MAX_WAITING) throw new HttpError('busy', 'too many log in at once: again in a moment');
    this.waiting += 1;
    const key = this.last.then(() => derive(given, this.salt));
    this.last = key.catch(() => {});
    try {
      const isRight = timingSafeEqual(await key, await this.key);
      if (isRight) this.known = digest;
      return isRight;
    } finally {
      this.waiting -= 1;
    }
  }
}

function derive(token: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(token, salt, KEY_BYTES, COST, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
