import { boolean, fields, text } from '../common/fields.js';

export interface ProfileChange {
  displayName: string;
  favouriteGenre: string | null;
  newsletter: boolean;
}

export function parseProfileChange(body: unknown): ProfileChange {
  const { displayName, favouriteGenre = null, newsletter } = fields(body);
  return {
    displayName: text(displayName, 'displayName', 80),
    favouriteGenre: favouriteGenre === null ? null : text(favouriteGenre, 'favouriteGenre', 40),
    newsletter: boolean(newsletter, 'newsletter'),
  };
}
