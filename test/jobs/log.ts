import { afterEach, beforeEach, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';

/** What the app logs, level and text; nothing of it is printed. Call it once in a `describe`. */
export function useLog(): { lines(): string[] } {
  let told: string[] = [];
  beforeEach(() => {
    told = [];
    for (const level of ['log', 'warn', 'error'] as const) {
      jest
        .spyOn(Logger.prototype, level)
        .mockImplementation((message: unknown) => void told.push(`${level}: ${message}`));
    }
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });
  return { lines: () => told };
}
