// `npm run build`: dist/ from src/, with the dependencies installed when they are missing.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuild, ensureDependencies, ROOT } from './ensure.mjs';

rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
ensureDependencies();
ensureBuild();
