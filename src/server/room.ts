// How much may wait in memory, in messages and in bytes: one of them alone may be a hundred times as large as another.

export interface Load {
  readonly messages: number;
  readonly bytes: number;
}

export class Room {
  private messages = 0;
  private bytes = 0;

  constructor(private readonly limits: Load) {}

  get isFull(): boolean {
    return this.messages >= this.limits.messages || this.bytes >= this.limits.bytes;
  }

  enter({ messages, bytes }: Load): void {
    this.messages += messages;
    this.bytes += bytes;
  }

  leave({ messages, bytes }: Load): void {
    this.messages -= messages;
    this.bytes -= bytes;
  }
}
