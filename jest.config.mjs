// Run by `npm test` in ESM mode (node --experimental-vm-modules), because Nest 12 and this package are ESM only.

/** Nest 11 is installed below test/nest11 (an npm workspace), where only this mapping finds it. */
const NEST_11 = '<rootDir>/test/nest11/node_modules/@nestjs';

const swc = {
  swcrc: false,
  module: { type: 'es6' },
  sourceMaps: 'inline',
  jsc: {
    target: 'es2022',
    keepClassNames: true,
    parser: { syntax: 'typescript', decorators: true },
    transform: {
      legacyDecorator: true,
      decoratorMetadata: true,
      useDefineForClassFields: true,
      // As tsc does it: what is imported without `type` stays, also when only decorator metadata uses it.
      verbatimModuleSyntax: true,
    },
  },
};

/** @type {import('jest').Config} */
const project = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': ['@swc/jest', swc] },
  // TypeScript sources name each other as they will be called once compiled.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/\\.services/'],
};

/** @type {import('jest').Config} */
export default {
  // Once for both projects: as they stand here and not in a project, jest calls them once per run.
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  // For hanging tests only: how long one takes on a busy machine decides nothing.
  testTimeout: 60_000,
  // Of each worker there is a Redis and a database (global-setup.mjs). More of them than this starve specs of time.
  maxWorkers: 2,
  // What a spec has loaded as ES modules is never freed: a worker that has grown to this is replaced. In one process
  // without an end the suite runs out of heap.
  workerIdleMemoryLimit: '1GB',
  projects: [
    {
      ...project,
      displayName: 'nest12',
      testMatch: ['<rootDir>/test/**/*.spec.ts'],
      // nestjs-cls is CommonJS and requires Nest, which Jest can do with Nest 11 only (with Nest 12 from Node 24.9 on).
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/e2e/transactional\\.spec\\.ts$'],
    },
    {
      ...project,
      displayName: 'nest11',
      // What meets Nest; the engine and the tiers know nothing of it.
      testMatch: ['<rootDir>/test/{e2e,decorators,module}/**/*.spec.ts'],
      moduleNameMapper: {
        ...project.moduleNameMapper,
        '^@nestjs/(common|core|testing|platform-express)(/.*)?$': `${NEST_11}/$1$2`,
      },
    },
  ],
};
