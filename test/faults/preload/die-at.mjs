// For a preload: kills this process the n-th time that it comes to the named point.

const { FAULT_POINT = '', FAULT_NTH = '1' } = process.env;
let left = Number(FAULT_NTH);

export function reached(point) {
  if (point !== FAULT_POINT) return;
  left -= 1;
  if (left > 0) return;
  process.kill(process.pid, 'SIGKILL');
}
