// What a browser is told it may do with whatever comes from here: as good as nothing but our own page.
import type { ServerResponse } from 'node:http';

/** @param tileUrl of a map that is not ours; its images alone come from elsewhere. */
export function securityHeaders(tileUrl: string): (response: ServerResponse) => void {
  const tiles = originOf(tileUrl);
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' data:${tiles === null ? '' : ` ${tiles}`}`,
    "connect-src 'self'",
    "font-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return (response) => {
    response.setHeader('content-security-policy', policy);
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('referrer-policy', 'no-referrer');
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-resource-policy', 'same-origin');
  };
}

/** `{s}` in a host stands for one of several. */
function originOf(tileUrl: string): string | null {
  const found = /^(https?):\/\/([^/]+)\//.exec(tileUrl);
  return found === null ? null : `${found[1]}://${found[2]?.replace(/^\{s\}\./, '*.')}`;
}
