import { type DynamicModule, Module } from '@nestjs/common';
import { CartsModule } from './carts/carts.module.js';
import { CatalogueModule } from './catalogue/catalogue.module.js';
import { DatabaseModule } from './database/database.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { OrdersModule } from './orders/orders.module.js';
import { ProductsModule } from './products/products.module.js';
import { ProfilesModule } from './profiles/profiles.module.js';
import { SearchModule } from './search/search.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { SETTINGS, type Settings } from './settings.js';
import { StockModule } from './stock/stock.module.js';
import { storefrontCache } from './storefront.cache.js';

@Module({})
export class AppModule {
  static forRoot(settings: Settings): DynamicModule {
    return {
      module: AppModule,
      global: true, // for the settings
      providers: [{ provide: SETTINGS, useValue: settings }],
      exports: [SETTINGS],
      imports: [
        // Switching the cache off is leaving its module out: every decorated method then simply runs, and DatabaseModule
        // gives rows that are written straight.
        ...(settings.cache ? [storefrontCache(settings)] : []),
        DatabaseModule,
        CatalogueModule,
        ProductsModule,
        SearchModule,
        SessionsModule,
        StockModule,
        CartsModule,
        ProfilesModule,
        OrdersModule,
        OperationsModule,
      ],
    };
  }
}
