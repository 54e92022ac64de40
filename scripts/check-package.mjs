// Checks what users will install: packs the tarball, looks at it with publint and attw, and loads every entry point in
// plain Node, by import and by require, without and with the optional peers.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const optional = Object.keys(manifest.peerDependenciesMeta);
const needs = {
  './redis': ['ioredis'],
  './write-behind': ['bullmq', 'ioredis'],
  './msgpack': ['msgpackr'],
  './postgres': ['pg'],
  './transactions': ['@nestjs-cls/transactional'],
};
const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json');

const work = mkdtempSync(join(placeWithoutPeers(), 'strata-package-'));
try {
  const tarball = pack();
  step('publint', () => run(bin('publint/src/cli.js'), ['--strict', tarball]));
  // ESM only is what we are: CommonJS apps load us through require(esm).
  step('attw', () => run(bin('@arethetypeswrong/cli/dist/index.js'), [tarball, '--profile', 'esm-only']));
  const app = unpack(tarball);
  step('entry points without the optional peers', () => {
    for (const entry of entries) {
      const missing = needs[entry] ?? [];
      for (const way of ways(entry)) expectLoad(app, entry, way, missing);
    }
  });
  step('entry points with the optional peers', () => {
    for (const peer of optional) link(app, peer);
    for (const entry of entries) for (const way of ways(entry)) expectLoad(app, entry, way, []);
  });
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** A folder from which no optional peer is found: a node_modules that somebody left above it would hide its absence. */
function placeWithoutPeers() {
  const place = [tmpdir(), '/var/tmp', homedir()].find((folder) => {
    const { resolve } = createRequire(join(folder, 'app', 'index.js'));
    return !optional.some((peer) => finds(() => resolve(peer)));
  });
  if (place) return place;
  throw new Error('Every temporary folder lies below a node_modules with an optional peer. Set TMPDIR to another one.');
}

function finds(look) {
  try {
    look();
    return true;
  } catch {
    return false;
  }
}

function pack() {
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', work], { cwd: root, encoding: 'utf8' });
  const [packed] = JSON.parse(output.slice(output.indexOf('[\n')));
  console.log(`packed ${packed.filename}: ${packed.files.length} files, ${Math.round(packed.size / 1024)} KiB`);
  return join(work, packed.filename);
}

/** An app that has the package and its required peers, and nothing else. */
function unpack(tarball) {
  const app = join(work, 'app');
  const target = join(app, 'node_modules', manifest.name);
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['xzf', tarball, '-C', target, '--strip-components=1']);
  const peers = Object.keys(manifest.peerDependencies).filter((peer) => !optional.includes(peer));
  for (const name of [...Object.keys(manifest.dependencies), ...peers]) link(app, name);
  return app;
}

function link(app, name) {
  const at = join(app, 'node_modules', name);
  mkdirSync(dirname(at), { recursive: true });
  symlinkSync(join(root, 'node_modules', name), at, 'junction');
}

function ways(entry) {
  const specifier = JSON.stringify(manifest.name + entry.slice(1));
  return [
    { name: 'import', arguments: ['--input-type=module', '-e', `await import(${specifier})`] },
    { name: 'require', arguments: ['--input-type=commonjs', '-e', `require(${specifier})`] },
  ];
}

function expectLoad(app, entry, way, missing) {
  const what = `${way.name} ${manifest.name}${entry.slice(1)}`;
  let failure = '';
  try {
    execFileSync(process.execPath, way.arguments, { cwd: app, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    failure = error.stderr;
  }
  const expected = missing.length === 0 ? failure === '' : missing.some((peer) => failure.includes(`'${peer}'`));
  if (!expected) throw new Error(`${what}: ${failure || `loads although ${missing} is absent`}`);
  console.log(`  ${what}: ${missing.length === 0 ? 'loads' : `asks for ${missing}`}`);
}

function bin(path) {
  return join(root, 'node_modules', path);
}

function run(script, args) {
  execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' });
}

function step(name, work) {
  console.log(`\n${name}`);
  work();
}
