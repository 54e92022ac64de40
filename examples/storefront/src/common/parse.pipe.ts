import { Injectable, type PipeTransform } from '@nestjs/common';

/** Turns what came over the wire into a checked value with a plain function, which throws what the caller is to see. */
@Injectable()
export class Parse<T> implements PipeTransform<unknown, T> {
  constructor(private readonly parse: (value: unknown) => T) {}

  transform(value: unknown): T {
    return this.parse(value);
  }
}
