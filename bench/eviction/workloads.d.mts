export interface Workload {
  name: string;
  keys: Int32Array;
  distinct: number;
  real?: boolean;
}
export function seeded(seed: number): () => number;
export function zipf(count: number, skew: number, random: () => number): () => number;
export function generate(requests: number, seed: number): Workload[];
export function dense(name: string, keys: ArrayLike<number>): Workload;
