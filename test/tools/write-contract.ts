// `npm run contract`: writes config/asyncapi.yaml and config/schemas/ anew; to be run when a schema has changed.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { contractFiles } from './contract.js';

const config = join(import.meta.dirname, '../../config');
rmSync(join(config, 'schemas'), { recursive: true, force: true });
for (const [path, text] of contractFiles()) {
  mkdirSync(dirname(join(config, path)), { recursive: true });
  writeFileSync(join(config, path), text);
}
