import type { DiscoveryService } from '@nestjs/core';
import { Check } from '../cache.check.js';
import type { OptionProblem } from '../cache.errors.js';
import type { CacheLogger } from '../cache.logger.js';
import type { CacheRegistry } from '../cache.registry.js';
import { declaredRules } from './declared-rules.js';
import { findEmitters, listen } from './event-emitter.js';
import { type InvalidationOption, resolveInvalidation } from './invalidation.check.js';
import { InvalidationRules } from './invalidation.rules.js';
import type { InvalidationSource, OpenedInvalidationSource } from './source.port.js';

/** Event-driven invalidation in one app: collects the rules, and has them hear all sources. */
export class Invalidation {
  private started: InvalidationRules | undefined;
  private readonly stops: (() => unknown)[] = [];
  private readonly configured: ReturnType<typeof resolveInvalidation>;

  constructor(
    option: InvalidationOption | undefined,
    private readonly registry: CacheRegistry,
    private readonly discovery: DiscoveryService,
    private readonly logger: CacheLogger,
  ) {
    this.configured = resolveInvalidation(new Check(''), option);
    registry.emit = (event, payload) => this.rules().emit(event, [payload]);
  }

  /** What is wrong with the rules that decorators declare, and with the names of caches in all rules. */
  problems(): OptionProblem[] {
    const { rules, problems } = declaredRules(this.discovery);
    const unknown = [...this.configured.rules, ...rules].flatMap(({ cache, where }) =>
      typeof cache !== 'string' || this.registry.has(cache)
        ? []
        : [{ option: `cache in ${where}`, value: cache, remedy: this.registry.remedy() }],
    );
    return [...problems, ...unknown];
  }

  async start(): Promise<void> {
    const rules = this.rules();
    this.started = rules;
    for (const emitter of findEmitters(this.discovery)) this.stops.push(listen(emitter, rules));
    const opened = this.configured.sources.map((source) => this.open(source, rules));
    for (const source of opened) this.stops.push(() => source.stop());
    await Promise.all(opened.map((source) => source.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.stops.splice(0).map((stop) => stop()));
  }

  /** Before the start anew for each event: there may be more providers by then. */
  private rules(): InvalidationRules {
    const { configured, discovery, registry } = this;
    return this.started ?? new InvalidationRules([...configured.rules, ...declaredRules(discovery).rules], registry);
  }

  private open(source: InvalidationSource, rules: InvalidationRules): OpenedInvalidationSource {
    const { name } = source;
    const log = this.logger.part();
    return source.open({
      hear: (event, payloads) => rules.hear(event, payloads),
      missed: (events, reason) => rules.missed(events, name, reason),
      trouble: (error) => this.registry.get().trouble(`events of ${name}`, error),
      log: (level, message) => (level === 'info' ? log.info(message) : log.warn(message, message)),
    });
  }
}
