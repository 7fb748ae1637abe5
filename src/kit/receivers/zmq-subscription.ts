// zeromq's door: a subscription to a publisher on this machine. The package is optional, and loaded by whoever subscribes
// first: a kit without such publishers has no use for its native part and its thread.

export interface ZmqSubscription {
  close(): void;
}

/** The publisher may be restarted; its port costs a try this often meanwhile. */
const RECONNECT_MS = 10_000;
const MAX_MESSAGE_BYTES = 65_536;

/**
 * Of several messages that wait only the newest is handed over.
 *
 * @throws what import throws when the package is not installed, or not for this machine.
 */
export async function subscribeZmq(
  port: number,
  take: (message: Buffer) => void,
  onFailed: (error: unknown) => void,
): Promise<ZmqSubscription> {
  const { Subscriber } = await import('zeromq');
  const options = { conflate: true, linger: 0, maxMessageSize: MAX_MESSAGE_BYTES };
  const socket = new Subscriber({ ...options, reconnectInterval: RECONNECT_MS, reconnectMaxInterval: RECONNECT_MS });
  socket.connect(`tcp://127.0.0.1:${port}`);
  socket.subscribe();
  hear(socket, take).catch(onFailed);
  return { close: () => socket.close() };
}

/** Until the socket is closed. */
async function hear(socket: AsyncIterable<Buffer[]>, take: (message: Buffer) => void): Promise<void> {
  for await (const [message] of socket) if (message !== undefined) take(message);
}
