// Handlers of what is saved as a file: written as it is read, page by page, so that a long range is never in memory whole.
import type { ServerResponse } from 'node:http';
import type { SignalDownloadQuery, TrackDownloadQuery } from '../../schema/web/queries.js';
import type { Reads, SignalFilter, SignalKey, SignalRow, TrackFilter, TrackKey, TrackRow } from '../reads.js';
import { type Backend, readsOf } from './backend.js';
import type { Handlers } from './call.js';
import { signalsCsv, tracksCsv } from './formats/csv.js';
import { tracksGeojson } from './formats/geojson.js';
import { tracksKml } from './formats/kml.js';
import { HttpError } from './http-error.js';
import { FIVE_MINUTES_US, rangeOf } from './time-range.js';
import { writeOut } from './write-out.js';

type Names = 'tracksCsv' | 'tracksGeojson' | 'tracksKml' | 'signalsCsv';

const MAX_ROWS = 250_000;
const PAGE_ROWS = 5_000;
/** Each takes as long as its reader does, and holds a page of rows meanwhile. */
const MAX_AT_ONCE = 4;

/** From pages of rows to pieces of a file. */
type Format<Row> = (pages: AsyncIterable<readonly Row[]>) => AsyncIterable<string>;

export function downloadHandlers(backend: Backend): Handlers<Names> {
  let underWay = 0;
  const send = async (response: ServerResponse, type: string, pieces: AsyncIterable<string>): Promise<void> => {
    response.writeHead(200, { 'content-type': type });
    await writeOut(response, pieces);
  };
  const oneOfFew = async (download: () => Promise<void>): Promise<undefined> => {
    if (underWay >= MAX_AT_ONCE) throw new HttpError('busy', 'too many files are written at once: again in a while');
    underWay += 1;
    try {
      await download();
    } finally {
      underWay -= 1;
    }
    return undefined;
  };
  const tracks = (ending: string, type: string, format: Format<TrackRow>) => {
    return ({ query, response }: { query: TrackDownloadQuery; response: ServerResponse }): Promise<undefined> =>
      oneOfFew(async () => {
        const reads = readsOf(backend);
        const { kind: kinds, kit: kitId, id: thing, q: text, ...asked } = query;
        const { from, to } = rangeOf(asked, FIVE_MINUTES_US, Date.now() * 1_000);
        const filter = { from, to, kinds, kitId, thing, text };
        refuseTooMany(await reads.countTracks(filter, MAX_ROWS));
        attachment(response, 'tracks', ending);
        await send(response, type, format(trackPages(reads, filter)));
      });
  };
  return {
    tracksCsv: tracks('csv', 'text/csv; charset=utf-8', tracksCsv),
    tracksGeojson: tracks('geojson', 'application/geo+json', tracksGeojson),
    tracksKml: tracks('kml', 'application/vnd.google-earth.kml+xml', tracksKml),
    signalsCsv: ({ query, response }: { query: SignalDownloadQuery; response: ServerResponse }) =>
      oneOfFew(async () => {
        const reads = readsOf(backend);
        const { kit: kitId, type: types, ...asked } = query;
        const { from, to } = rangeOf(asked, FIVE_MINUTES_US, Date.now() * 1_000);
        const filter = { from, to, kitId, types };
        refuseTooMany(await reads.countSignals(filter, MAX_ROWS));
        attachment(response, 'signals', 'csv');
        await send(response, 'text/csv; charset=utf-8', signalsCsv(signalPages(reads, filter)));
      }),
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
