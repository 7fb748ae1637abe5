// Handlers of what is saved as a file: written as it is read, page by page, so that a long range is never in memory whole.
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SignalDownloadQuery, TrackDownloadQuery } from '../../schema/web/queries.js';
import type { Reads, SignalFilter, SignalKey, SignalRow, TrackFilter, TrackKey, TrackRow } from '../reads.js';
import { type Backend, readsOf } from './backend.js';
import type { Handlers } from './call.js';
import { signalsCsv, tracksCsv } from './formats/csv.js';
import { tracksGeojson } from './formats/geojson.js';
import { tracksKml } from './formats/kml.js';
import { HttpError } from './http-error.js';
import { FIVE_MINUTES_US, rangeOf } from './time-range.js';

type Names = 'tracksCsv' | 'tracksGeojson' | 'tracksKml' | 'signalsCsv';

const MAX_ROWS = 250_000;
const PAGE_ROWS = 10_000;

/** From pages of rows to pieces of a file. */
type Format<Row> = (pages: AsyncIterable<readonly Row[]>) => AsyncIterable<string>;

export function downloadHandlers(backend: Backend): Handlers<Names> {
  const tracks = (ending: string, type: string, format: Format<TrackRow>) => {
    return async ({ query, response }: { query: TrackDownloadQuery; response: ServerResponse }): Promise<undefined> => {
      const reads = readsOf(backend);
      const { kind: kinds, kit: kitId, id: thing, q: text, ...asked } = query;
      const { from, to } = rangeOf(asked, FIVE_MINUTES_US, Date.now() * 1_000);
      const filter = { from, to, kinds, kitId, thing, text };
      refuseTooMany(await reads.countTracks(filter, MAX_ROWS));
      attachment(response, 'tracks', ending);
      await send(response, type, format(trackPages(reads, filter)));
    };
  };
  return {
    tracksCsv: tracks('csv', 'text/csv; charset=utf-8', tracksCsv),
    tracksGeojson: tracks('geojson', 'application/geo+json', tracksGeojson),
    tracksKml: tracks('kml', 'application/vnd.google-earth.kml+xml', tracksKml),
    signalsCsv: async ({ query, response }: { query: SignalDownloadQuery; response: ServerResponse }) => {
      const reads = readsOf(backend);
      const { kit: kitId, type: types, ...asked } = query;
      const { from, to } = rangeOf(asked, FIVE_MINUTES_US, Date.now() * 1_000);
      const filter = { from, to, kitId, types };
      refuseTooMany(await reads.countSignals(filter, MAX_ROWS));
      attachment(response, 'signals', 'csv');
      await send(response, 'text/csv; charset=utf-8', signalsCsv(signalPages(reads, filter)));
      return undefined;
    },
  };
}

/** Has a browser save it, under a name that is ours alone. */
export function attachment(response: ServerResponse, what: string, ending: string): void {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  response.setHeader('content-disposition', `attachment; filename="dragonsink-${what}-${stamp}.${ending}"`);
}

function refuseTooMany(rows: number): void {
  if (rows <= MAX_ROWS) return;
  throw new HttpError('large', `more than ${MAX_ROWS} rows`, 'ask for a shorter time range, or for one kit or kind');
}

async function send(response: ServerResponse, type: string, pieces: AsyncIterable<string>): Promise<void> {
  response.writeHead(200, { 'content-type': type });
  // Breaks off when it fails half-way, so that half a file is not taken for a whole one.
  await pipeline(Readable.from(pieces), response);
}

async function* trackPages(reads: Reads, filter: TrackFilter): AsyncGenerator<TrackRow[]> {
  for (let after: TrackKey | null = null; ; ) {
    const page: TrackRow[] = await reads.trackRows(filter, PAGE_ROWS, after);
    if (page.length > 0) yield page;
    after = page.at(-1) ?? null;
    if (page.length < PAGE_ROWS) return;
  }
}

async function* signalPages(reads: Reads, filter: SignalFilter): AsyncGenerator<SignalRow[]> {
  for (let after: SignalKey | null = null; ; ) {
    const page: SignalRow[] = await reads.signals(filter, PAGE_ROWS, after);
    if (page.length > 0) yield page;
    after = page.at(-1) ?? null;
    if (page.length < PAGE_ROWS) return;
  }
}
