import { describe, expect, it } from '@jest/globals';
import { ALL, type Dated, Epochs } from '../../src/engine/epochs.js';

const MARKERS = [ALL, 'p:product:', 't:sale'];

function entryOf(epochs: Epochs, markers: readonly string[] = MARKERS): Dated {
  return { epoch: epochs.current, markers };
}

describe('an entry', () => {
  it('is valid while nothing changed, and when only the markers of others did', () => {
    const epochs = new Epochs();
    const entry = entryOf(epochs);
    expect(epochs.judge(entry)).toBe('valid');
    epochs.change('t:other', 'dead');
    epochs.change('p:user:', 'expired');
    expect(epochs.judge(entry)).toBe('valid');
  });

  it('is dead or expired as soon as one of its markers is', () => {
    for (const marker of MARKERS.slice(1)) {
      for (const kind of ['dead', 'expired'] as const) {
        const epochs = new Epochs();
        const entry = entryOf(epochs);
        epochs.change(marker, kind);
        expect(epochs.judge(entry)).toBe(kind);
        expect(epochs.judge(entry)).toBe(kind);
      }
    }
  });

  it('is dead if one marker died and another expired, whatever the order', () => {
    for (const [first, second] of [
      ['t:sale', 'p:product:'],
      ['p:product:', 't:sale'],
    ] as const) {
      // prettier-ignore
      const epochs = new Epochs();
      const entry = entryOf(epochs);
      epochs.change(first, 'expired');
      epochs.change(second, 'dead');
      expect(epochs.since(entry.epoch, entry.markers)).toBe('dead');
    }
  });

  it('is valid if it came after the change', () => {
    const epochs = new Epochs();
    epochs.change('t:sale', 'dead');
    const entry = entryOf(epochs);
    epochs.change('t:other', 'dead');
    expect(epochs.judge(entry)).toBe('valid');
  });

  it('that was judged valid is not judged again by what came before', () => {
    const epochs = new Epochs();
    const entry = entryOf(epochs);
    epochs.change('t:other', 'dead');
    epochs.judge(entry);
    expect(entry.epoch).toBe(epochs.current);
  });

  it('that expired stays as old as it is, so that it does not become valid by being looked at', () => {
    const epochs = new Epochs();
    const entry = entryOf(epochs);
    epochs.change('t:sale', 'expired');
    epochs.judge(entry);
    epochs.change('t:other', 'dead');
    expect(epochs.judge(entry)).toBe('expired');
  });
});

describe('clear', () => {
  it('kills everything before it, whatever its markers, and nothing after it', () => {
    const epochs = new Epochs();
    const before = entryOf(epochs, []);
    epochs.change(ALL, 'dead');
    const after = entryOf(epochs);
    epochs.change('t:other', 'dead');
    expect([epochs.judge(before), epochs.judge(after)]).toEqual(['dead', 'valid']);
  });

  it('that only expires leaves entries good as stale', () => {
    const epochs = new Epochs();
    const entry = entryOf(epochs);
    epochs.change(ALL, 'expired');
    expect(epochs.judge(entry)).toBe('expired');
  });
});

describe('very many changed markers', () => {
  it('are not remembered one by one for ever: older entries die instead of coming back', () => {
    const epochs = new Epochs();
    const entry = entryOf(epochs);
    epochs.change('t:sale', 'dead');
    for (let i = 0; i < 30_000; i++) epochs.change(`t:${i}`, 'dead');
    const recent = entryOf(epochs);
    epochs.change('t:one-more', 'dead');
    expect([epochs.judge(entry), epochs.judge(recent)]).toEqual(['dead', 'valid']);
  });

  it('never make an entry valid whose marker changed, however many came in between', () => {
    const epochs = new Epochs();
    const entries: Dated[] = [];
    for (let i = 0; i < 25_000; i++) {
      const entry = entryOf(epochs, [ALL, `t:${i}`]);
      epochs.change(`t:${i}`, i % 2 ? 'dead' : 'expired');
      entries.push(entry);
    }
    expect(entries.every((entry) => epochs.since(entry.epoch, entry.markers) !== 'valid')).toBe(true);
  });
});

describe('the culprit', () => {
  it('is the marker that changed since', () => {
    const epochs = new Epochs();
    epochs.change('p:product:', 'dead');
    const entry = entryOf(epochs);
    expect(epochs.culprit(entry)).toBeUndefined();
    epochs.change('t:sale', 'expired');
    expect(epochs.culprit(entry)).toBe('t:sale');
  });

  it('is the one that killed, not one that only expired', () => {
    const epochs = new Epochs();
    const entry = entryOf(epochs);
    epochs.change('p:product:', 'expired');
    epochs.change('t:sale', 'dead');
    expect(epochs.culprit(entry)).toBe('t:sale');
  });

  it('is everything after a clear', () => {
    const epochs = new Epochs();
    const entry = entryOf(epochs, []);
    epochs.change(ALL, 'dead');
    expect(epochs.culprit(entry)).toBe(ALL);
  });
});
