// How messages travel: each on its topic, or many in a frame. Settings say what is wanted, the servers what they take.

const WIRES = ['topics', 'stream'] as const;
/** What new messages go out as, wherever servers take it. */
export type Wire = (typeof WIRES)[number];

const REPLAYS = ['auto', 'frames', 'topics', 'off'] as const;
/** What the backlog goes out as; `off` leaves it in the spool. */
type Replay = (typeof REPLAYS)[number];

export interface WireOptions {
  readonly wire: Wire;
  readonly replay: Replay;
  /** How long a new message may wait for others to share its frame. */
  readonly frameMs: number;
}

/** Null: not now. */
export type Carrier = 'topic' | 'frame' | null;

/** Nobody but a server reads frames: without one nothing is sent, and one that does not know them gets topics. */
export function liveCarrier(wire: Wire, isServed: boolean, takesFrames: boolean): Carrier {
  if (wire === 'topics') return 'topic';
  if (!isServed) return null;
  return takesFrames ? 'frame' : 'topic';
}

export function replayCarrier(replay: Replay, takesFrames: boolean): Carrier {
  if (replay === 'off') return null;
  if (replay === 'topics') return 'topic';
  if (takesFrames) return 'frame';
  return replay === 'auto' ? 'topic' : null;
}
