// What a broker's confirmation of a message is worth: design 1, "Deletion".

const DELIVERIES = ['auto', 'database', 'broker'] as const;
export type Delivery = (typeof DELIVERIES)[number];

/**
 * - `delete`: nobody will ever say more, the row goes.
 * - `hand-over`: it is kept, not sent again, and goes to the first server that comes.
 * - `await-ack`: it says nothing; only the server's acknowledgement, after its commit, deletes.
 */
export type OnConfirmed = 'delete' | 'hand-over' | 'await-ack';

/** `isBound`: a server has answered this kit once. `isServed`: one is there now. */
export function onConfirmed(delivery: Delivery, isBound: boolean, isServed: boolean): OnConfirmed {
  if (delivery === 'broker') return 'delete';
  return delivery === 'database' || isBound || isServed ? 'await-ack' : 'hand-over';
}
