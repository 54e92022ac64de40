import { payloadOf, tagOf } from './record.mjs';

/** What a writer does, each of it recorded. */
export class Actions {
  /**
   * @param {import('./record.mjs').Recorder} recorder
   * @param {Record<string, any>} entities
   */
  constructor(recorder, entities) {
    this.recorder = recorder;
    this.entities = entities;
  }

  /** @param {{ n: number, fields?: object, note?: string, options?: object }} row */
  put(entity, id, { n, fields, note, options }) {
    const work = async (op) => {
      const row = { id, n, ...this.#signed(op, null), ...fields };
      return String((await this.entities[entity].put(row, options)).version);
    };
    return this.recorder.during('put', `${entity}/${id}`, work, { n, note });
  }

  delete(entity, id, options) {
    const work = async () => String((await this.entities[entity].delete(id, options)).version);
    return this.recorder.during('delete', `${entity}/${id}`, work);
  }

  /** Adds 1. */
  patch(entity, id) {
    const work = async (op) => {
      const change = (row) => {
        this.recorder.attempt(op, row);
        return { ...row, n: row.n + 1, ...this.#signed(op, tagOf(row)) };
      };
      await this.entities[entity].patch(id, change);
    };
    return this.recorder.during('patch', `${entity}/${id}`, work);
  }

  get(entity, id) {
    return this.recorder.during('get', `${entity}/${id}`, async () => seen(await this.entities[entity].get(id)));
  }

  getMany(entity, ids) {
    const keys = ids.map((id) => `${entity}/${id}`);
    return this.recorder.together(keys, async () => (await this.entities[entity].getMany(ids)).map(seen));
  }

  #signed(op, prev) {
    const { name } = this.recorder;
    return { writer: name, op: BigInt(op), prev, payload: payloadOf(`${name}:${op}`), version: null };
  }
}

/** What of a row goes into the record. */
function seen(row) {
  if (row === null) return null;
  const tag = tagOf(row);
  return [tag, row.n, ...(row.payload === payloadOf(tag) ? [] : ['torn'])];
}
