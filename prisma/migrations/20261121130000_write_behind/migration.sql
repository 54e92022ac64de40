-- One aggregate, one row: the lines of carts and orders move into them. Existing rows are kept.

-- AlterTable
ALTER TABLE "carts" ADD COLUMN "lines" JSONB NOT NULL DEFAULT '[]';

UPDATE "carts" AS c SET "lines" = l."lines"
FROM (
    SELECT "customer_id", jsonb_agg(jsonb_build_object('productId', "product_id", 'quantity', "quantity") ORDER BY "product_id") AS "lines"
    FROM "cart_lines" GROUP BY "customer_id"
) AS l
WHERE l."customer_id" = c."customer_id";

-- AlterTable
ALTER TABLE "orders" ADD COLUMN "lines" JSONB NOT NULL DEFAULT '[]';

UPDATE "orders" AS o SET "lines" = l."lines"
FROM (
    SELECT "order_id", jsonb_agg(jsonb_build_object('productId', "product_id", 'quantity', "quantity", 'unitPrice', "unit_price"::text) ORDER BY "product_id") AS "lines"
    FROM "order_lines" GROUP BY "order_id"
) AS l
WHERE l."order_id" = o."id";

ALTER TABLE "orders" ALTER COLUMN "lines" DROP DEFAULT;

-- DropTable
DROP TABLE "cart_lines";

-- DropTable
DROP TABLE "order_lines";

-- CreateTable
CREATE TABLE "stock" (
    "product_id" INTEGER NOT NULL,
    "quantity" INTEGER NOT NULL,

    CONSTRAINT "stock_pkey" PRIMARY KEY ("product_id")
);

-- CreateTable
CREATE TABLE "customer_orders" (
    "customer_id" INTEGER NOT NULL,
    "latest" JSONB NOT NULL DEFAULT '[]',

    CONSTRAINT "customer_orders_pkey" PRIMARY KEY ("customer_id")
);

-- AddForeignKey
ALTER TABLE "stock" ADD CONSTRAINT "stock_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "products"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "customer_orders" ADD CONSTRAINT "customer_orders_customer_id_fkey" FOREIGN KEY ("customer_id") REFERENCES "customers"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What has a row for each product or customer begins with one: changes read the row they change.
INSERT INTO "stock" ("product_id", "quantity") SELECT "id", 0 FROM "products";

INSERT INTO "carts" ("customer_id") SELECT "id" FROM "customers" ON CONFLICT DO NOTHING;

INSERT INTO "customer_orders" ("customer_id", "latest")
SELECT c."id", coalesce((
    SELECT jsonb_agg(o."id" ORDER BY o."placed_at" DESC, o."id")
    FROM (SELECT "id", "placed_at" FROM "orders" WHERE "customer_id" = c."id" ORDER BY "placed_at" DESC, "id" LIMIT 20) AS o
), '[]')
FROM "customers" AS c;
