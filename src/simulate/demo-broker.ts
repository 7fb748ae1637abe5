// The demo's broker: mosquitto when it is there, else aedes inside this process, which speaks MQTT 3.1.1 only.
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { delimiter, join } from 'node:path';
import { freePort, listening } from './ports.js';

export interface DemoBroker {
  readonly what: string;
  readonly port: number;
  readonly mqttVersion: '5' | '3.1.1';
  stop(): Promise<void>;
}

export async function startDemoBroker(folder: string): Promise<DemoBroker> {
  const mosquitto = findMosquitto();
  return mosquitto === null ? startAedes() : startMosquitto(mosquitto, folder);
}

function findMosquitto(): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const file of folders.map((folder) => join(folder, 'mosquitto'))) {
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this one
    }
  }
  return null;
}

async function startMosquitto(binary: string, folder: string): Promise<DemoBroker> {
  const port = await freePort();
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(
    file,
    [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'persistence false', 'max_queued_messages 0'].join('\n'),
  );
  const child = spawn(binary, ['-c', file], { stdio: 'ignore' });
  await listening(port, () => child.exitCode !== null);
  return { what: binary, port, mqttVersion: '5', stop: () => ended(child) };
}

async function startAedes(): Promise<DemoBroker> {
  const { Aedes } = await import('aedes');
  const broker = await Aedes.createBroker();
  const server: Server = createServer(broker.handle);
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = async (): Promise<void> => {
    await new Promise<void>((resolve) => broker.close(resolve));
    server.close();
  };
  return { what: 'aedes, embedded (no mosquitto here)', port, mqttVersion: '3.1.1', stop };
}

/** SIGTERM, and SIGKILL if that is not enough. */
export async function ended(child: ChildProcess, timeoutMs = 8_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  await exit;
  clearTimeout(timer);
}
