import { fields, text } from '../common/fields.js';

export interface Credentials {
  email: string;
  password: string;
}

export function parseCredentials(body: unknown): Credentials {
  const { email, password } = fields(body);
  return { email: text(email, 'email', 200).toLowerCase(), password: text(password, 'password', 200) };
}
