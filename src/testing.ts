// nestjs-strata/testing: for tests of apps that use the cache.
export { CacheTestingModule } from './testing/cache-testing.module.js';
export { FakeClock } from './testing/fake-clock.js';
