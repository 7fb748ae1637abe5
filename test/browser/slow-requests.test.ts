// Requests that never come to an end: nobody holds a connection of the server by saying nothing.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../fixtures/temp-folder.js';
import { serve } from './served.js';

/** As web-server.ts has it, and how long it may take to see that it is over. */
const MOST_S = 30 + 5 + 10;

test('a request has its time to come, its head and all of it', async (t) => {
  const { port, ask } = await serve(t, `sqlite:${join(tempFolder(t), 'server.db')}`);
  const begun = [
    'GET /api/kits HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
    'POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
  ];
  const tookS = await Promise.all(
    begun.map(
      (text) =>
        new Promise<number>((resolve) => {
          const beganMs = performance.now();
          const socket = connect(port, '127.0.0.1');
          t.after(() => socket.destroy());
          socket.write(text);
          // A byte now and then is no progress.
          const more = setInterval(() => socket.write(' '), 2_000);
          socket.on('error', () => {});
          socket.resume().once('close', () => {
            clearInterval(more);
            resolve((performance.now() - beganMs) / 1_000);
          });
        }),
    ),
  );
  for (const s of tookS) assert.ok(s < MOST_S, `${s} s`);
  assert.equal((await ask('/api/session')).status, 200);
});
