// Every fault there is, in the order of the reliability sheet.
import type { Fault } from './fault.js';
import { brokerForgets, brokerKill } from './faults/broker-kill.js';
import { brokerOverflow } from './faults/broker-overflow.js';
import { calm } from './faults/calm.js';
import { certificates } from './faults/certificates.js';
import { damagedSpool } from './faults/damaged-spool.js';
import { databaseAway } from './faults/database-away.js';
import { databaseDiskFull } from './faults/database-disk-full.js';
import { databaseLocked } from './faults/database-locked.js';
import { daysOffline, tooOld } from './faults/days-offline.js';
import { everything } from './faults/everything.js';
import { failingDisk } from './faults/failing-disk.js';
import { flappingLink } from './faults/flapping-link.js';
import { hostileClients } from './faults/hostile-clients.js';
import { inFrames } from './faults/in-frames.js';
import { kitDiskFull } from './faults/kit-disk-full.js';
import { kitKill } from './faults/kit-kill.js';
import { kitPowerLoss, kitPowerLossControl } from './faults/kit-power-loss.js';
import { powerLossPoints } from './faults/power-loss-points.js';
import { restoredSpool } from './faults/restored-spool.js';
import { serverKill } from './faults/server-kill.js';
import { sessionHijack } from './faults/session-hijack.js';
import { silentLoss } from './faults/silent-loss.js';
import { slowLink } from './faults/slow-link.js';
import { twoServers } from './faults/two-servers.js';
import { wrongClock } from './faults/wrong-clock.js';

export const FAULTS: readonly Fault[] = [
  calm,
  kitKill,
  kitPowerLoss,
  kitPowerLossControl,
  powerLossPoints,
  damagedSpool,
  daysOffline,
  tooOld,
  flappingLink,
  silentLoss,
  brokerKill,
  brokerForgets,
  brokerOverflow,
  serverKill,
  sessionHijack,
  twoServers,
  databaseAway,
  databaseLocked,
  databaseDiskFull,
  kitDiskFull,
  failingDisk,
  wrongClock,
  hostileClients,
  certificates,
  restoredSpool,
  slowLink,
  everything,
  inFrames(calm),
  inFrames(kitKill),
  inFrames(flappingLink),
  inFrames(serverKill),
];
