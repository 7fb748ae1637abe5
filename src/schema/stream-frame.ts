// A stream frame: many messages of one kit in one MQTT message, for links that are paid by the megabyte. A header says how
// to read it, so it needs nothing of the protocol's version:
//
//   bytes  0-2  "DSF"
//          3    1, the version of this format
//          4    the dictionary's number (stream-dictionary.ts)
//          5-6  how many messages, big-endian
//          7-10 CRC-32 of the text, begun with the dictionary's; big-endian
//          11-  raw deflate, with the dictionary, of the text: a JSON array of the kit's id and of the rows (stream-rows.ts)
//
// Raw deflate with another dictionary gives garbage without an error: that is what the checksum is for.
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { PayloadError, toError } from '../base/errors.js';
import { type JsonObject, MAX_DEPTH, parseJson } from '../base/json.js';
import type { Kind } from './kinds.js';
import { DICTIONARIES, DICTIONARY, type Dictionary } from './stream-dictionary.js';
import { fromRows, type StreamMessage, toRows } from './stream-rows.js';

/** What a server that reads these frames offers in its hello. Another dictionary or format is another wire. */
export const STREAM_WIRE = 'stream/1';

/** A packet is no larger, and a frame is less than that. */
export const MAX_FRAME_BYTES = 65_536;
export const MAX_FRAME_MESSAGES = 500;
/** Of all its messages as they would be on their topics: a few bytes can stand for as much as one likes. */
export const MAX_FRAME_TEXT_BYTES = 2 * 1024 * 1024;

const MAGIC = Buffer.from('DSF');
const VERSION = 1;
const HEADER_BYTES = 11;
/** A message's fields lie two deeper than on its topic: in a row, and that in the list. */
const MAX_TEXT_DEPTH = MAX_DEPTH + 2;
/** A frame is made once and paid for by the byte. */
const LEVEL = 9;

export function encodeFrame(kitId: string, messages: readonly StreamMessage[]): Buffer {
  const text = Buffer.from(JSON.stringify([kitId, ...toRows(DICTIONARY, messages)]));
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt8(VERSION, 3);
  header.writeUInt8(DICTIONARY.id, 4);
  header.writeUInt16BE(messages.length, 5);
  header.writeUInt32BE(crc32(text, DICTIONARY.checksum), 7);
  return Buffer.concat([header, deflateRawSync(text, { level: LEVEL, dictionary: DICTIONARY.bytes })]);
}

export interface FramedMessage {
  readonly kind: Kind;
  /** As parsed from its topic, with `seen_by` and `sink`. It shares what is nested in it with others of its frame. */
  readonly message: JsonObject;
  /** Its JSON. */
  readonly text: string;
}

export interface Frame {
  /** Who it says it is from. */
  readonly kitId: string;
  readonly messages: readonly FramedMessage[];
}

/** @throws PayloadError `frame` when it can't be read, `kit` when a message in it says itself whose it is. */
export function decodeFrame(frame: Buffer): Frame {
  const { dictionary, text, count } = openFrame(frame);
  const [kitId, ...rows] = parseList(text);
  if (typeof kitId !== 'string') throw unreadable('it names no kit');
  if (rows.length !== count) throw unreadable(`${rows.length} messages, and its header says ${count}`);
  const messages: FramedMessage[] = [];
  let bytes = 0;
  for (const { kind, fields, sink } of fromRows(dictionary, rows)) {
    const message = { ...fields, seen_by: kitId, sink };
    const text = JSON.stringify(message);
    messages.push({ kind, message, text });
    bytes += Buffer.byteLength(text);
    if (bytes > MAX_FRAME_TEXT_BYTES) {
      throw unreadable(`its first ${messages.length} messages have more than ${MAX_FRAME_TEXT_BYTES} bytes`);
    }
  }
  return { kitId, messages };
}

function openFrame(frame: Buffer): { dictionary: Dictionary; text: Buffer; count: number } {
  if (frame.length > MAX_FRAME_BYTES) throw unreadable(`${frame.length} bytes, at most ${MAX_FRAME_BYTES}`);
  if (frame.length < HEADER_BYTES || !frame.subarray(0, MAGIC.length).equals(MAGIC)) throw unreadable('no header');
  const version = frame.readUInt8(3);
  if (version !== VERSION) throw unreadable(`version ${version} is not known here`);
  const id = frame.readUInt8(4);
  const dictionary = DICTIONARIES.get(id);
  if (dictionary === undefined) throw unreadable(`dictionary ${id} is not known here`);
  const count = frame.readUInt16BE(5);
  if (count > MAX_FRAME_MESSAGES) throw unreadable(`${count} messages, at most ${MAX_FRAME_MESSAGES}`);
  const text = inflate(frame.subarray(HEADER_BYTES), dictionary.bytes);
  if (crc32(text, dictionary.checksum) !== frame.readUInt32BE(7)) {
    throw unreadable('the checksum does not fit: it is damaged, or made with another dictionary');
  }
  return { dictionary, text, count };
}

function inflate(bytes: Buffer, dictionary: Buffer): Buffer {
  try {
    return inflateRawSync(bytes, { dictionary, maxOutputLength: MAX_FRAME_TEXT_BYTES });
  } catch (thrown: unknown) {
    const { code, message }: NodeJS.ErrnoException = toError(thrown);
    const isTooLong = code === 'ERR_BUFFER_TOO_LARGE';
    throw unreadable(isTooLong ? `it unpacks to more than ${MAX_FRAME_TEXT_BYTES} bytes` : message);
  }
}

function parseList(text: Buffer): unknown[] {
  try {
    const parsed = parseJson(text.toString(), MAX_TEXT_DEPTH);
    if (Array.isArray(parsed)) return parsed;
  } catch (thrown: unknown) {
    throw unreadable(toError(thrown).message);
  }
  throw unreadable('no list');
}

function unreadable(why: string): PayloadError {
  return new PayloadError(`not a frame: ${why}`, { code: 'frame' });
}
