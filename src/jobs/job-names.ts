/** What the jobs are called in the `SchedulerRegistry`. Jobs of a named cache end in its name: `nestjs-strata:sweep:sessions`. */
export type JobName = 'lead' | 'sweep' | 'learn' | 'warm' | 'advise';

export function jobName(name: JobName, cache?: string): string {
  return `nestjs-strata:${name}${cache === undefined || cache === 'default' ? '' : `:${cache}`}`;
}

/** The lease of the process that does what only one of the cluster does. `schema`: processes of different deploys warm different entries. */
export function leaderKey(schema: string): readonly string[] {
  return ['nestjs-strata', 'jobs', schema];
}
