// `npm run build`: dist/ from src/, with the dependencies installed when they are missing.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuild, ensureDependencies, ROOT, runTool } from './ensure.mjs';

runTool(async () => {
  await ensureDependencies();
  rmSync(join(ROOT, 'dist/main.js'), { force: true }); // whoever says build means it
  ensureBuild();
});
