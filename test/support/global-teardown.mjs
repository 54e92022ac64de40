export default async function globalTeardown() {
  await globalThis.__STRATA_CLUSTER__?.end();
  await globalThis.__STRATA_SERVICES__?.stop();
}
