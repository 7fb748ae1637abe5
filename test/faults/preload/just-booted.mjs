// Loaded into the kit with --import: the machine was booted just now, has no hardware clock, and NTP has not set its clock.
import child from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

const HARDWARE_CLOCKS = '/sys/class/rtc';
const SYNCHRONIZED = '/run/systemd/timesync/synchronized';

const { existsSync, readdirSync } = fs;
fs.existsSync = (path) => path === HARDWARE_CLOCKS || (path !== SYNCHRONIZED && existsSync(path));
fs.readdirSync = (path, ...rest) => (path === HARDWARE_CLOCKS ? [] : readdirSync(path, ...rest));

const { execFile } = child;
child.execFile = (file, args, options, done) =>
  file === 'timedatectl' ? done(new Error('no NTP'), '', '') : execFile(file, args, options, done);

os.uptime = () => performance.now() / 1_000;
syncBuiltinESMExports();
