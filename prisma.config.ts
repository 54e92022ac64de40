import { defineConfig } from 'prisma/config';

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations', seed: 'node prisma/seed.mjs' },
  // Not `env('DATABASE_URL')`: that throws when the variable is missing, and `prisma generate` needs no database.
  datasource: { url: process.env.DATABASE_URL ?? '' },
});
