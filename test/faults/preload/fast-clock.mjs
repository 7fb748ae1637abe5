// Loaded into the kit with --import: for whoever measures the age of rows, time passes FAULT_CLOCK_RATE times as fast; what
// is done once a minute is done every second. Everything else keeps its pace.

const MINUTE_MS = 60_000;
const AGES = /\/spool\/age\./;

const rate = Number(process.env.FAULT_CLOCK_RATE ?? '1');
const now = performance.now.bind(performance);
performance.now = () => (AGES.test(new Error('').stack ?? '') ? now() * rate : now());

const every = globalThis.setInterval;
globalThis.setInterval = (work, ms, ...rest) => every(work, ms >= MINUTE_MS ? 1_000 : ms, ...rest);
