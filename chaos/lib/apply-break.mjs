// In a process of its own: makes one mistake in the build, and ends. Fails if the build has not what it replaces.
import { fileURLToPath } from 'node:url';

const [suite, name] = process.argv.slice(2);
process.env.STRATA_CHAOS_BREAK = name; // that of the storefront is made when its file is imported
const { applyBreak } = await import(`../${suite}/breaks.mjs`);
await applyBreak?.(name, fileURLToPath(new URL('../../dist', import.meta.url)));
process.exit(0);
