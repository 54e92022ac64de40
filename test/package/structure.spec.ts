import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = process.cwd();
const OPTIONAL_PEERS = [
  'ioredis',
  'msgpackr',
  'bullmq',
  '@prisma/client',
  'pg',
  '@nestjs/event-emitter',
  '@nestjs-cls/transactional',
];

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((file) => file.isFile() && file.name.endsWith(ending))
    .map((file) => join(file.parentPath, file.name))
    .filter((file) => !/node_modules|generated|[\\/]dist[\\/]/.test(file));
}

/** What a file imports, types included. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

/** All files a source file reaches, and the packages they import. */
function reach(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const todo = [resolve(root, entry)];
  for (let file = todo.pop(); file; file = todo.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const name of importsOf(file)) {
      if (name.startsWith('.')) todo.push(resolve(dirname(file), name.replace(/\.js$/, '.ts')));
      else packages.add(name);
    }
  }
  return { files, packages };
}

const sources = filesIn('src', '.ts');
const inFolder = (folder: string) => sources.filter((file) => relative(root, file).startsWith(join('src', folder)));

describe('structure of the package', () => {
  it.each(['src/index.ts', 'src/testing.ts'])('reaches no optional peer from %s, not even for types', (entry) => {
    expect([...reach(entry).packages].filter((name) => OPTIONAL_PEERS.includes(name))).toEqual([]);
  });

  it('keeps engine and tiers free of Nest', () => {
    const nest = [...inFolder('engine'), ...inFolder('tiers')].filter((file) =>
      importsOf(file).some((name) => name.startsWith('@nestjs/') || name === 'reflect-metadata' || name === 'rxjs'),
    );
    expect(nest).toEqual([]);
  });

  it('imports downwards only: neither engine nor tiers know decorators or the module', () => {
    const above = /cache\.(module|lifecycle|explorer|registry|factory|resolve|options|logger|tokens)|decorators/;
    const upward = [...inFolder('engine'), ...inFolder('tiers')].filter((file) =>
      importsOf(file).some((name) => above.test(name)),
    );
    expect(upward).toEqual([]);
  });

  it('has no import cycle, types included', () => {
    const cycles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, path: string[]): void => {
      if (path.includes(file))
        cycles.push([...path.slice(path.indexOf(file)), file].map((f) => relative(root, f)).join(' > '));
      if (done.has(file) || path.includes(file)) return;
      for (const name of importsOf(file).filter((one) => one.startsWith('.'))) {
        visit(resolve(dirname(file), name.replace(/\.js$/, '.ts')), [...path, file]);
      }
      done.add(file);
    };
    for (const file of sources) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('has no file over 400 lines', () => {
    const all = ['src', 'test', 'scripts', 'examples', 'bench'].flatMap((folder) => [
      ...filesIn(folder, '.ts'),
      ...filesIn(folder, '.mjs'),
    ]);
    expect(all.filter((file) => readFileSync(file, 'utf8').split('\n').length > 400)).toEqual([]);
  });

  it('skips no test and runs none alone', () => {
    const skipped = filesIn('test', '.ts').filter((file) =>
      /\b(it|test|describe)\.(only|skip|todo|failing)\b|\bx(it|describe)\(/.test(readFileSync(file, 'utf8')),
    );
    expect(skipped.filter((file) => !file.endsWith('structure.spec.ts'))).toEqual([]);
  });
});
