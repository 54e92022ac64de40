import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ClusterNames } from '../../../../src/tiers/redis/cluster/names.js';
import {
  ANCHOR_DISTANCE,
  REGION_SLOTS,
  REGIONS,
  SLOTS,
  slotOf,
  tagOf,
} from '../../../../src/tiers/redis/cluster/slots.js';

describe('the slot of a name', () => {
  it.each([
    ['123456789', 0x31c3],
    ['foo', 12_182],
    ['{user1000}.following', slotOf('user1000')],
    ['{user1000}.followers', slotOf('user1000')],
    ['foo{}{bar}', slotOf('foo{}{bar}')],
    ['foo{{bar}}zap', slotOf('{bar')],
    ['foo{bar}{zap}', slotOf('bar')],
  ])('is what the specification says: %s', (name, slot) => {
    expect(slotOf(name)).toBe(slot);
  });

  it('has a hash tag for each anchor and each region', () => {
    for (let slot = 0; slot < SLOTS; slot += ANCHOR_DISTANCE) expect(slotOf(`what:ever:{${tagOf(slot)}}`)).toBe(slot);
    expect(slotOf(`{${tagOf(16_383)}}`)).toBe(16_383);
  });
});

describe('names in a cluster', () => {
  const names = new ClusterNames('shop', '');

  it('are spread by the whole key: braces of a key choose no slot', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => {
        expect(names.entry(key)).not.toMatch(/[{}]/);
      }),
    );
    const slots = new Set(Array.from({ length: 100 }, (_, i) => names.slotOfKey(`{same}${i}`)));
    expect(slots.size).toBeGreaterThan(90);
  });

  it('count the prefix of the client', () => {
    expect(new ClusterNames('shop', 'a:').slotOfKey('key')).toBe(slotOf('a:shop:e:key'));
  });

  it('have the markers that many keys share once in each region, in a slot of that region', () => {
    for (const slot of [0, 1_023, 1_024, 9_000, 16_383]) {
      const region = Math.floor(slot / REGION_SLOTS);
      const markers = names.markersAt(slot, ['*', 'p:film:', 't:sale', 't:5:*']);
      expect(markers).toEqual([`${region}:*`, `${region}:p:film:`, 't:sale', 't:5:*']);
      for (const marker of markers.slice(0, 2)) {
        expect(Math.floor(names.slot(names.marker(marker)) / REGION_SLOTS)).toBe(region);
      }
      expect(markers.map(ClusterNames.bare)).toEqual(['*', 'p:film:', 't:sale', 't:5:*']);
    }
  });

  it('are all changed when such a marker is', () => {
    const all = names.everywhere(['*', 't:sale']);
    expect(all).toHaveLength(REGIONS + 1);
    const region = (_: unknown, i: number): string => names.markersAt(i * REGION_SLOTS, ['*'])[0] as string;
    expect(new Set(all)).toEqual(new Set([...Array.from({ length: REGIONS }, region), 't:sale']));
  });

  it('never make two markers one', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 2 }), ([one, other]) => {
        const name = (text: string | undefined): string => names.marker(names.markersAt(0, [`p:${text}`])[0] as string);
        expect(name(one) === name(other)).toBe(one === other);
      }),
    );
  });
});
