// The topics Home Assistant itself speaks on.

/** Where it says that it has begun: below its own name unless that was changed along with the prefix. */
export function birthTopics(prefix: string): string[] {
  return [...new Set(['homeassistant/status', `${prefix}/status`])];
}
