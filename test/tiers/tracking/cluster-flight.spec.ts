import { useBus } from '../../e2e/world.js';

// The same as with messages alone.
useBus('tracking');
await import('../../e2e/cluster-flight.spec.js');
