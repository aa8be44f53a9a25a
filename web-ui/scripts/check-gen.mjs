// Generates the client anew, beside the committed one, and tells where they differ.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const committed = join(root, 'src/api/gen');
const fresh = mkdtempSync(join(tmpdir(), 'conman-gen-'));
try {
  const { status, stderr } = spawnSync('npx', ['openapi-ts', '--output', fresh], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const files = (folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .sort();
  const names = [...new Set([...files(committed), ...files(fresh)])];
  const read = (folder, name) => {
    try {
      return readFileSync(join(folder, name), 'utf8');
    } catch {
      return undefined;
    }
  };
  const different = names.filter((name) => read(committed, name) !== read(fresh, name));
  if (different.length > 0) {
    console.error(`src/api/gen is not what docs/openapi.json gives: run cargo xtask gen\n${different.join('\n')}`);
    process.exitCode = 1;
  } else {
    console.log(`src/api/gen is what docs/openapi.json gives: ${names.length} files`);
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
