/** What a process of the shop is told about its services. */
export const environmentOf = ({ databaseUrl, redisUrl, namespace }) => ({
  DATABASE_URL: databaseUrl,
  REDIS_URL: redisUrl,
  CACHE_NAMESPACE: namespace,
});
