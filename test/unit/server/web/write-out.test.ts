// Answers that nobody takes: they end, and what is taken is whole.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { endWhenStalled, writeOut } from '../../../../src/server/web/write-out.js';

const PATIENCE_MS = 300;
/** More than both ends of a connection hold. */
const MANY = 400;
const PIECE = 'é'.repeat(50_000);

async function* pieces(count: number): AsyncGenerator<string> {
  for (let i = 0; i < count; i += 1) yield PIECE;
}

async function serve(t: TestContext, answer: (response: ServerResponse) => void): Promise<number> {
  const server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function visit(t: TestContext, port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  return socket;
}

test('what is taken is whole, also by who takes it slowly', async (t) => {
  let failure: unknown = null;
  const port = await serve(t, (response) => {
    writeOut(response, pieces(10), PATIENCE_MS).catch((thrown: unknown) => {
      failure = thrown;
    });
  });
  assert.equal(await (await fetch(`http://127.0.0.1:${port}`)).text(), PIECE.repeat(10));
  const slow = visit(t, port);
  let bytes = 0;
  slow.on('data', (chunk) => {
    bytes += chunk.length;
    slow.pause();
    setTimeout(() => slow.resume(), 5);
  });
  await new Promise((resolve) => slow.once('close', resolve));
  assert.ok(bytes > 10 * 100_000, String(bytes));
  assert.equal(failure, null);
});

test('who takes nothing is not waited for', async (t) => {
  const ended = new Promise<unknown>((resolve) => {
    void serve(t, (response) => {
      writeOut(response, pieces(MANY), PATIENCE_MS).then(() => resolve('whole'), resolve);
    }).then((port) => visit(t, port).pause());
  });
  assert.match(String(await ended), /abort/i);
});

test('who has gone is not waited for either', async (t) => {
  const beganMs = performance.now();
  const ended = new Promise<unknown>((resolve) => {
    void serve(t, (response) => {
      writeOut(response, pieces(MANY), 60_000).then(() => resolve('whole'), resolve);
    }).then((port) => {
      const socket = visit(t, port);
      socket.once('data', () => socket.destroy());
    });
  });
  assert.notEqual(await ended, 'whole');
  assert.ok(performance.now() - beganMs < 30_000);
});

test('what fails half-way says so to whoever breaks it off', async (t) => {
  const failing = async function* (): AsyncGenerator<string> {
    yield PIECE;
    throw new Error('gone');
  };
  const ended = new Promise<unknown>((resolve) => {
    void serve(t, (response) => {
      writeOut(response, failing(), PATIENCE_MS).catch((thrown: unknown) => {
        resolve(thrown);
        response.destroy();
      });
    }).then((port) => visit(t, port).resume());
  });
  assert.match(String(await ended), /gone/);
});

test('a slow link that the system tells of now and then gets all of it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let written = 0;
  // 1.4 MB, a third of what Linux holds, take 250 kbit/s 45 s; and then it tells of that.
  class SlowLink extends EventEmitter {
    destroyed = false;

    write(slice: Buffer): boolean {
      written += slice.length;
      setTimeout(() => this.emit('drain'), 45_000);
      setImmediate(() => t.mock.timers.tick(45_000));
      return false;
    }

    end(): void {
      setImmediate(() => this.emit('finish'));
    }

    destroy(): void {
      this.destroyed = true;
      this.emit('close');
    }
  }
  await writeOut(new SlowLink() as unknown as ServerResponse, pieces(3));
  assert.equal(written, 3 * Buffer.byteLength(PIECE));
});

test('an answer that was written at once ends too when nobody takes it', async (t) => {
  const ended = new Promise<void>((resolve) => {
    void serve(t, (response) => {
      response.once('close', resolve);
      response.end(PIECE.repeat(MANY));
      endWhenStalled(response, PATIENCE_MS);
    }).then((port) => visit(t, port).pause());
  });
  await ended;
});
