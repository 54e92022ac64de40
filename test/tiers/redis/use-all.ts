import { expect } from '@jest/globals';
import type { RemoteTier } from '../../../src/tiers/tier.js';
import { newVersion, value } from './rig.js';

const MINUTE = 60_000;

/** Uses everything the tier has, each once. */
export async function useAll(remote: RemoteTier): Promise<void> {
  const token = newVersion();
  const [found, marks] = await Promise.all([remote.hold('key', token, MINUTE), remote.mark(['*', 't:a'], MINUTE)]);
  expect(found).toBeNull();
  expect(await remote.fill('key', token, value(newVersion(), 'loaded'), MINUTE)).toBe(true);
  expect(await remote.put('key', undefined, value(newVersion(), 'put'), MINUTE)).toBe(true);
  await remote.expire(['key']);
  await remote.change(['t:a'], 'dead');
  const read = await remote.read('key', ['*', 't:a']);
  expect(read.entry?.toString()).toMatch(/S1x0put$/);
  expect(read.markers[0]).toBe(marks[0]);
  expect(read.markers[1]).not.toBe(marks[1]);
  await remote.evict(['key']);
  expect((await remote.read('key', [])).entry).toBeNull();
}
