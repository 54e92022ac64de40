import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { readSettings } from './settings.js';

const settings = readSettings();
const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(settings), {
  logger: ['warn', 'error'],
});
app.disable('x-powered-by');
app.enableShutdownHooks();
await app.listen(settings.port, '127.0.0.1');
console.log(`The storefront listens on ${await app.getUrl()} (cache ${settings.cache ? 'on' : 'off'})`);
