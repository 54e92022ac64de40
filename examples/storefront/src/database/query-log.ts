import { Injectable } from '@nestjs/common';

export interface DatabaseReport {
  /** SELECT statements. */
  reads: number;
  /** INSERT, UPDATE and DELETE statements. */
  writes: number;
  /** Milliseconds that half of the queries (99 of 100) were not slower than; null before the first query. */
  p50: number | null;
  p99: number | null;
}

/** Each bucket of durations is 5 % wider than the one before it: 250 of them reach from 10 µs to half an hour. */
const GROWTH = 1.05;
const SHORTEST = 0.01;
const BUCKETS = 400;

/** Counts what really reaches the database and how long it takes there. */
@Injectable()
export class QueryLog {
  private reads = 0;
  private writes = 0;
  private readonly buckets = new Uint32Array(BUCKETS);

  record(sql: string, duration: number): void {
    // BEGIN, COMMIT, ROLLBACK and settings are left out: they ask for no data.
    if (/^select(?! set_config)/i.test(sql)) this.reads++;
    // WITH: a batch of write-behind, which begins with its fence.
    else if (/^(insert|update|delete|with)/i.test(sql)) this.writes++;
    else return;
    const bucket = Math.ceil(Math.log(Math.max(duration, SHORTEST) / SHORTEST) / Math.log(GROWTH));
    const index = Math.min(bucket, BUCKETS - 1);
    this.buckets[index] = (this.buckets[index] ?? 0) + 1;
  }

  report(): DatabaseReport {
    return { reads: this.reads, writes: this.writes, p50: this.quantile(0.5), p99: this.quantile(0.99) };
  }

  /** The upper end of the bucket in which the quantile lies, so at most 5 % too high. */
  private quantile(share: number): number | null {
    const total = this.reads + this.writes;
    let seen = 0;
    for (const [bucket, count] of this.buckets.entries()) {
      seen += count;
      if (count > 0 && seen >= total * share) return SHORTEST * GROWTH ** bucket;
    }
    return null;
  }
}
