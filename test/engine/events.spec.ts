import { describe, expect, it, jest } from '@jest/globals';
import { EventHub } from '../../src/engine/events.js';

describe('the events of a cache', () => {
  it('reach everybody who listens, and nobody else', () => {
    const hub = new EventHub();
    const [first, second, other] = [jest.fn(), jest.fn(), jest.fn()];
    hub.on('miss', first);
    hub.on('miss', second);
    hub.on('load', other);
    hub.emit('miss', { key: 'a' });
    expect([first.mock.calls, second.mock.calls, other.mock.calls]).toEqual([[[{ key: 'a' }]], [[{ key: 'a' }]], []]);
  });

  it('need not be made when nobody listens', () => {
    const hub = new EventHub();
    expect(hub.heard('miss')).toBe(false);
    const off = hub.on('miss', () => {});
    expect([hub.heard('miss'), hub.heard('hit')]).toEqual([true, false]);
    off();
    expect(hub.heard('miss')).toBe(false);
  });

  it('reach the others when one listener throws', () => {
    const hub = new EventHub();
    const second = jest.fn();
    hub.on('miss', () => {
      throw new Error('broken');
    });
    hub.on('miss', second);
    expect(() => hub.emit('miss', { key: 'a' })).not.toThrow();
    expect(second).toHaveBeenCalledTimes(1);
  });

  it('tell of a listener that throws', () => {
    const hub = new EventHub();
    const errors = jest.fn();
    const broken = new Error('broken');
    hub.on('error', errors);
    hub.on('miss', () => {
      throw broken;
    });
    hub.emit('miss', { key: 'a' });
    expect(errors.mock.calls).toEqual([[{ operation: 'listener of "miss"', error: broken }]]);
  });

  it('end with a listener of errors that throws', () => {
    const hub = new EventHub();
    const broken = jest.fn(() => {
      throw new Error('broken');
    });
    hub.on('error', broken);
    expect(() => hub.emit('error', { operation: 'read', error: 1 })).not.toThrow();
    expect(broken).toHaveBeenCalledTimes(1);
  });

  it('may be left while they are told, without anybody missing one', () => {
    const hub = new EventHub();
    const second = jest.fn();
    const off = hub.on('miss', () => off());
    hub.on('miss', second);
    hub.emit('miss', { key: 'a' });
    hub.emit('miss', { key: 'b' });
    expect(second).toHaveBeenCalledTimes(2);
  });

  it('are not told to a listener that began while they were', () => {
    const hub = new EventHub();
    const late = jest.fn();
    hub.on('miss', () => void hub.on('miss', late));
    hub.emit('miss', { key: 'a' });
    expect(late).not.toHaveBeenCalled();
  });

  it('are left by one listener alone, also when it leaves twice', () => {
    const hub = new EventHub();
    const [first, second] = [jest.fn(), jest.fn()];
    const off = hub.on('miss', first);
    off();
    hub.on('miss', second);
    off();
    hub.emit('miss', { key: 'a' });
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
  });

  it('reach nobody after the cache is closed', () => {
    const hub = new EventHub();
    const listener = jest.fn();
    const off = hub.on('miss', listener);
    hub.clear();
    off();
    hub.emit('miss', { key: 'a' });
    expect(listener).not.toHaveBeenCalled();
  });
});
