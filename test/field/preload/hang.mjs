// Loaded into a kit before it starts: at SIGUSR2 its questions to DragonSync lose their time limit, and a minute passes.
// Everything else goes on, timers too.
process.on('SIGUSR2', () => {
  AbortSignal.timeout = () => new AbortController().signal;
  const now = performance.now.bind(performance);
  setTimeout(() => {
    performance.now = () => now() + 65_000;
  }, 8_000);
});
