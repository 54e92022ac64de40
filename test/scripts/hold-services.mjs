// A stand-in for anything that uses startServices(): brings them, says so, and holds them until it is told to stop or
// is killed. Started by services.spec.ts, to which it talks.

import { startServices } from '../../scripts/services/index.mjs';

try {
  const services = await startServices({ log: (line) => process.send?.({ line }) });
  process.once('message', async () => {
    await services.stop();
    process.disconnect?.();
  });
  process.send?.({ services });
} catch (error) {
  process.send?.({ error: error.message });
  process.disconnect?.();
}
