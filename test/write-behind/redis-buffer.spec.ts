import { bufferContract } from './buffer-contract.js';
import { useBuffers } from './contract/redis-rig.js';

const rig = useBuffers();

bufferContract('A buffer in Redis', (options) => rig.open(options), { numRuns: 40, exact: false });
