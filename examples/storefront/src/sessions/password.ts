import { scrypt, timingSafeEqual } from 'node:crypto';

/**
 * Whether the password is the one behind `stored`, which reads "scrypt:<cost>:<salt>:<key>". The cost is part of the stored
 * text, so it can rise over the years. The demo's customers have a low one (prisma/seed.mjs); use 2^17 in earnest.
 */
export async function matches(password: string, stored: string): Promise<boolean> {
  const [scheme, cost, salt, key] = stored.split(':');
  if (scheme !== 'scrypt' || !cost || !salt || !key) throw new Error('A stored password has an unknown format');
  const expected = Buffer.from(key, 'hex');
  const N = Number(cost);
  const actual = await new Promise<Buffer>((resolve, reject) => {
    // scrypt needs 128 * N * r bytes; Node refuses more than 32 MiB unless told.
    scrypt(password, salt, expected.length, { N, maxmem: 256 * N * 8 }, (error, derived) =>
      error ? reject(error) : resolve(derived),
    );
  });
  return timingSafeEqual(actual, expected);
}
