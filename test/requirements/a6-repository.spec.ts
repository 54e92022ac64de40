import { existsSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

describe('A6 the top level of the repository', () => {
  it.each(['package.json', 'tsconfig.json', 'nest-cli.json', 'docker-compose.yml', 'README.md'])(
    'A6 has the file %s',
    (file) => {
      expect(statSync(file).isFile()).toBe(true);
      expect(readFileSync(file, 'utf8').trim().length).toBeGreaterThan(20);
    },
  );

  it.each(['prisma', 'src', 'test'])('A6 has the folder %s', (folder) => {
    expect(statSync(folder).isDirectory()).toBe(true);
  });

  it('A6 prisma/ has a schema and the migrations that make its tables', () => {
    expect(readFileSync('prisma/schema.prisma', 'utf8')).toContain('model Product');
    expect(existsSync('prisma/migrations/migration_lock.toml')).toBe(true);
  });

  it('A6 the JSON files are valid, and name this package as an ES module', () => {
    const pkg = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>;
    expect(pkg).toMatchObject({ name: 'nestjs-strata', type: 'module', license: 'MIT' });
    expect(JSON.parse(readFileSync('nest-cli.json', 'utf8'))).toMatchObject({ sourceRoot: 'src' });
    expect(JSON.parse(readFileSync('tsconfig.json', 'utf8'))).toMatchObject({ compilerOptions: { strict: true } });
  });
});
