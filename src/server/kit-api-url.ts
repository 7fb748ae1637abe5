// Which texts can be the address of a kit's DragonSync API.

export const API_URL_HINT = 'write http://HOST:8088, without user and password';

/** As it is stored; null when it is none. */
export function readApiUrl(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '';
  return isPlain && url.username === '' && url.password === '' ? text.replace(/\/+$/, '') : null;
}
