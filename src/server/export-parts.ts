// Whether an export is whole: it has a beginning and an end, and as many messages between them as the end says. Several
// exports written one after the other into one file are its parts.

export class ExportParts {
  private isOpen = false;
  private messages = 0;
  private closed = 0;
  private broken = 0;
  private lacking = 0;

  begin(): void {
    this.close();
    this.isOpen = true;
  }

  message(): void {
    if (!this.isOpen) this.beginUnseen();
    this.messages += 1;
  }

  end(announced: number): void {
    if (!this.isOpen) this.beginUnseen();
    if (this.messages !== announced) this.broken += 1;
    this.lacking += Math.max(0, announced - this.messages);
    this.isOpen = false;
    this.messages = 0;
    this.closed += 1;
  }

  /** How many messages the ends announce beyond those that were found. */
  get missing(): number {
    return this.lacking;
  }

  get isComplete(): boolean {
    return this.closed > 0 && this.broken === 0 && !this.isOpen;
  }

  private beginUnseen(): void {
    this.broken += 1;
    this.isOpen = true;
  }

  /** One that has no end before the next begins. */
  private close(): void {
    if (this.isOpen) this.broken += 1;
    this.isOpen = false;
    this.messages = 0;
  }
}
