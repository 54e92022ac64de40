-- CreateTable
CREATE TABLE "strata_fence" (
    "entity" TEXT NOT NULL,
    "shard" INTEGER NOT NULL,
    "epoch" BIGINT NOT NULL,

    CONSTRAINT "strata_fence_pkey" PRIMARY KEY ("entity","shard")
);
