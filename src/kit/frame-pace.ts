// How much of the backlog goes in one frame, and how many such frames at once. New messages wait for each: in the kit until
// it is made, on the link until it is through, and in the server until it is committed.

/** A full frame. Twice as many would be a tenth smaller, and new messages would wait for it twice as long. */
export const FRAME_MESSAGES = 250;
/** On a slow link, what is new waits behind two of them for a second. */
const FRAMES = 2;
/** While something new goes out on its topic now and then. */
const BESIDE_LIVE = { messages: 100, frames: 1, forMs: 1_000 };

export class FramePace {
  private liveAtMs = Number.NEGATIVE_INFINITY;

  /** `now` in milliseconds of a monotonic clock. */
  constructor(private readonly now: () => number) {}

  /** A new message goes out on its topic. */
  liveSent(): void {
    this.liveAtMs = this.now();
  }

  get messages(): number {
    return this.isBesideLive ? BESIDE_LIVE.messages : FRAME_MESSAGES;
  }

  get frames(): number {
    return this.isBesideLive ? BESIDE_LIVE.frames : FRAMES;
  }

  private get isBesideLive(): boolean {
    return this.now() - this.liveAtMs < BESIDE_LIVE.forMs;
  }
}
