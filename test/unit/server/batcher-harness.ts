// A batcher on a real SQLite store, with faults put in front of it.
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Backoff } from '../../../src/base/backoff.js';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import { Batcher, type Received } from '../../../src/server/batcher.js';
import { Decoder } from '../../../src/server/decode.js';
import type { Batch, CommitResult, CommittedStream, Store } from '../../../src/server/store.js';
import { openStore } from '../../../src/server/stores/open-store.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { contact, whole } from './store-batches.js';

export const LINK = {};

export interface Setup {
  readonly batcher: Batcher;
  readonly store: Store;
  /** Batches in the order in which the store was asked to commit them. */
  readonly asked: Batch[];
  readonly states: string[];
  readonly acked: number[];
  /** What was committed, and what the streams had then. */
  readonly committed: { readonly batch: Batch; readonly streams: readonly CommittedStream[] }[];
  readonly log: MemoryLog;
  /** One MQTT message with these drones in it. */
  receive(number: number, ...seqs: (number | Record<string, unknown>)[]): void;
}

/** `fault` throws, or waits, before the store sees a batch. */
export async function setUp(
  t: TestContext,
  fault: (batch: Batch, n: number) => Promise<void> | void = () => {},
): Promise<Setup> {
  const store = await openStore(`sqlite:${join(tempFolder(t), 'server.db')}`);
  t.after(() => store.close());
  const asked: Batch[] = [];
  const states: string[] = [];
  const acked: number[] = [];
  const committed: Setup['committed'] = [];
  const commit = async (batch: Batch): Promise<CommitResult> => {
    asked.push(batch);
    await fault(batch, asked.length);
    return store.commit(batch);
  };
  const log = new MemoryLog();
  const backoff = new Backoff({ minMs: 5, maxMs: 10 });
  const batcher = new Batcher({
    store: { commit },
    onCommitted: (batch, streams) => committed.push({ batch, streams }),
    onStore: (state) => states.push(state),
    log,
    backoff,
  });
  const decoder = new Decoder(DEFAULT_TOPICS);
  const receive = (number: number, ...seqs: (number | Record<string, unknown>)[]): void => {
    const body = seqs.map((seq) => ({
      id: 'drone-1',
      seen_by: 'wardragon-A',
      observed_at: 1_795_447_000 + (typeof seq === 'number' ? seq : Number(seq['seq'])),
      sink: { v: 1, epoch: '00000001abcdef01', seq: typeof seq === 'number' ? seq : seq['seq'] },
      ...(typeof seq === 'number' ? {} : seq),
    }));
    const incoming = {
      topic: 'wardragon/drones',
      payload: Buffer.from(JSON.stringify(body)),
      receivedUs: 1_795_448_000e6,
    };
    batcher.add({ batch: decoder.decode(incoming), ack: () => acked.push(number), from: LINK });
  };
  return { batcher, store, asked, states, acked, committed, log, receive };
}

/** A message of that kit. */
export const of = (kitId: string): Received => ({
  batch: whole({ contacts: [contact({ kitId })] }),
  ack: () => {},
  from: LINK,
});
