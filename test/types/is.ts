/** `true` if two types are the same, also where one is `any` or `unknown`. */
export type Is<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : 'not the same type';

/** Compiles only for a type that is `true`: `check<Is<typeof value, string>>()`. */
export function check<_ extends true>(): void {}
