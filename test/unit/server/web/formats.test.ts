// What is downloaded: text from the air is data in each format, whatever is in it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TRACK_COLUMNS } from '../../../../src/schema/web/shapes.js';
import type { TrackRow } from '../../../../src/server/reads.js';
import { cell, tracksCsv } from '../../../../src/server/web/formats/csv.js';
import { tracksGeojson } from '../../../../src/server/web/formats/geojson.js';
import { escapeXml, tracksKml } from '../../../../src/server/web/formats/kml.js';

const NOTHING = Object.fromEntries(TRACK_COLUMNS.map((name) => [name, null]));

function row(over: Partial<TrackRow>): TrackRow {
  const known = { kind: 'drone', id: 'drone-1', kit_id: 'wardragon-1', time: '2026-11-23T15:30:11.363589Z' };
  return { ...NOTHING, ...known, ...over } as TrackRow;
}

async function* pagesOf(...pages: TrackRow[][]): AsyncGenerator<TrackRow[]> {
  yield* pages;
}

async function whole(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}

/** A table by RFC 4180, read by another hand than wrote it. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  let value = '';
  let isQuoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i] ?? '';
    if (isQuoted && char === '"' && text[i + 1] === '"') {
      value += '"';
      i += 1;
    } else if (char === '"') isQuoted = !isQuoted;
    else if (!isQuoted && (char === ',' || char === '\n')) {
      rows.at(-1)?.push(value.replace(/\r$/, ''));
      value = '';
      if (char === '\n') rows.push([]);
    } else value += char;
  }
  return rows.filter((one) => one.length > 0);
}

describe('CSV', () => {
  const cells: [value: unknown, written: string][] = [
    [null, ''],
    [-5.5, '-5.5'],
    [true, 'true'],
    ['plain', 'plain'],
    ['a "b", c', '"a ""b"", c"'],
    ['two\r\nlines', '"two\r\nlines"'],
    ['=1+1', `"'=1+1"`],
    ['+1', `"'+1"`],
    ['-1', `"'-1"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['\t=1+1', `"'\t=1+1"`],
    ['  =1+1', `"'  =1+1"`],
    ['\u200f=1+1', `"'\u200f=1+1"`],
    ['＝1+1', `"'＝1+1"`],
    ['\r=1', `"'\r=1"`],
    ['=cmd|\'/c calc\'!A0","x', `"'=cmd|'/c calc'!A0"",""x"`],
    [{ a: '"' }, '"{""a"":""\\""""}"'],
  ];
  for (const [value, written] of cells) {
    test(`of ${JSON.stringify(value)}`, () => assert.equal(cell(value), written));
  }

  test('is a table whose cells are what they were, and never a formula', async () => {
    const hostile = '=HYPERLINK("http://evil","x")\n,"';
    const rows = [row({ description: hostile, alt: -3, extra: { index: 1 } }), row({ id: '@x', rssi: -80 })];
    const table = readCsv(await whole(tracksCsv(pagesOf([rows[0] as TrackRow], [rows[1] as TrackRow]))));
    assert.equal(table.length, 3);
    const [heading = [], first = [], second = []] = table;
    const at = (cells: string[], name: string): string | undefined => cells[heading.indexOf(name)];
    assert.ok(table.every((cells) => cells.length === heading.length));
    assert.deepEqual(
      [at(first, 'description'), at(first, 'alt'), at(first, 'extra')],
      [`'${hostile}`, '-3', '{"index":1}'],
    );
    assert.deepEqual([at(second, 'id'), at(second, 'rssi'), at(second, 'lat')], ["'@x", '-80', '']);
  });
});

const HOSTILE = `<script>alert("x")</script>]]>&amp;'\u0000\u0008\ud800\u202e${'é'.repeat(3)}`;

describe('GeoJSON', () => {
  interface Collection {
    readonly type: string;
    readonly features: {
      geometry: { type: string; coordinates: unknown } | null;
      properties: Record<string, unknown>;
    }[];
  }

  test('has a feature for each thing, as far as it has positions', async () => {
    const time = (i: number): string => `2026-11-23T15:30:1${i}.000000Z`;
    const pages = pagesOf(
      [row({ time: time(1), lat: 1, lon: 2, alt: 3 }), row({ time: time(2), lat: 1.5, lon: 2.5 })],
      // The same thing on the next page, heard by another kit.
      [row({ time: time(3), kit_id: 'wardragon-2', description: HOSTILE }), row({ kind: 'aircraft', alt: 5 })],
      [row({ id: 'drone-2', lat: 0.1, lon: 0 })],
    );
    const text = await whole(tracksGeojson(pages));
    const { type, features } = JSON.parse(text) as Collection;
    assert.equal(type, 'FeatureCollection');
    assert.deepEqual(
      features.map(({ geometry }) => geometry),
      [
        {
          type: 'LineString',
          coordinates: [
            [2, 1, 3],
            [2.5, 1.5],
          ],
        },
        null,
        { type: 'Point', coordinates: [0, 0.1] },
      ],
    );
    const [first] = features;
    assert.equal(first?.properties['description'], HOSTILE);
    assert.deepEqual(first?.properties['kits'], ['wardragon-1', 'wardragon-2']);
    assert.deepEqual([first?.properties['times'], first?.properties['rows']], [[time(1), time(2)], 3]);
  });

  test('of nothing is a collection all the same', async () => {
    assert.deepEqual(JSON.parse(await whole(tracksGeojson(pagesOf()))), { type: 'FeatureCollection', features: [] });
  });
});

describe('KML', () => {
  test('escapes whatever was heard, and has nothing that XML can not hold', async () => {
    assert.equal(escapeXml('<a b="c">&\'\u0000\ud800'), '&lt;a b=&quot;c&quot;&gt;&amp;&apos;\ufffd\ufffd');
    const text = await whole(
      tracksKml(
        pagesOf([row({ id: HOSTILE, description: HOSTILE, lat: 1, lon: 2, alt: 3, pilot_lat: 4, pilot_lon: 5 })]),
      ),
    );
    assert.doesNotMatch(text, /<script|\]\]>/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for control characters
    assert.doesNotMatch(text, /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
    assert.ok(text.isWellFormed());
    // Each element is closed, in turn: so that no text has opened or closed any.
    const open: string[] = [];
    for (const [, close, name = '', rest = ''] of text.matchAll(/<(\/?)([A-Za-z:]+)((?:"[^"]*"|[^">])*)>/g)) {
      if (close === '/') assert.equal(open.pop(), name);
      else if (!rest.endsWith('/')) open.push(name);
    }
    assert.deepEqual(open, []);
    assert.match(text, /<gx:coord>2 1 3<\/gx:coord>/);
    assert.match(text, /<when>2026-11-23T15:30:11.363589Z<\/when>/);
    assert.match(text, /<coordinates>5,4<\/coordinates>/);
  });

  test('has the geometry last, and the last known height where none was heard', async () => {
    const heights = [null, 50, null, 60, null];
    const rows = heights.map((alt, i) => row({ time: `2026-11-23T15:30:1${i}.000000Z`, lat: 1, lon: 2, alt }));
    const text = await whole(tracksKml(pagesOf(rows)));
    assert.ok(text.indexOf('<ExtendedData>') < text.indexOf('<gx:Track>'));
    const written = [...text.matchAll(/<gx:coord>2 1 (\S+)<\/gx:coord>/g)].map(([, alt]) => Number(alt));
    assert.deepEqual(written, [50, 50, 50, 60, 60]);
    assert.match(await whole(tracksKml(pagesOf([row({ lat: 1, lon: 2 })]))), /<altitudeMode>clampToGround</);
  });
});

describe('a track of a whole day', () => {
  const ROWS = 20_000;

  async function* day(): AsyncGenerator<TrackRow[]> {
    for (let i = 0; i < ROWS; i += 1_000) {
      yield Array.from({ length: 1_000 }, (_, j) => {
        const time = new Date(Date.UTC(2026, 10, 23) + (i + j) * 1_000).toISOString().replace('Z', '000Z');
        return row({ time, lat: 1, lon: (i + j) / 1_000, alt: j });
      });
    }
  }

  for (const [name, format] of [
    ['GeoJSON', tracksGeojson],
    ['KML', tracksKml],
  ] as const) {
    test(`is whole as ${name}, and never one piece of text`, async () => {
      let [longest, text] = [0, ''];
      for await (const piece of format(day())) {
        longest = Math.max(longest, piece.length);
        text += piece;
      }
      assert.ok(longest < 100_000 && text.length > 800_000, `${longest} of ${text.length}`);
      const times = [...text.matchAll(/2026-11-2\dT[\d:]{8}\.000000Z/g)].map(([time]) => time);
      assert.equal(new Set(times).size, ROWS);
      if (name === 'KML') return;
      const { features } = JSON.parse(text) as { features: { geometry: { coordinates: number[][] } }[] };
      assert.deepEqual(
        features.map(({ geometry }) => [geometry.coordinates.length, geometry.coordinates.at(-1)]),
        [[ROWS, [19.999, 1, 999]]],
      );
    });
  }
});
