import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * What a mistake is made with: `edit` replaces a piece of a script, `replace` a method, for which `make` is given the one there was.
 * `has` is for what is changed later: whether a file of the build has this text.
 * @typedef {object} Inside
 * @property {(path: string, text: string) => Promise<void>} has
 * @property {(script: string, from: string, to: string) => void} edit
 * @property {(className: string, method: string, make: (original: Function) => Function) => void} replace
 */

/**
 * Breaks a build in this process; fails if it has changed under the break.
 * @param {string} name of the break
 * @param {(inside: Inside) => void} make
 * @param {string} dist
 * @param {Record<string, string>} places where the build has the classes
 * @param {string} [scriptsAt] where it has the scripts
 * @returns {Promise<any>} what `make` answers
 */
export async function breakBuild(name, make, dist, places, scriptsAt = 'tiers/redis/scripts.js') {
  const built = (path) => import(pathToFileURL(join(dist, path)).href);
  const scripts = await built(scriptsAt);
  const classes = {};
  for (const [className, path] of Object.entries(places)) classes[className] = (await built(path))[className];
  const changed = (what) => new Error(`--break ${name}: there is no ${what} any more`);
  const edit = (script, from, to) => {
    const target = scripts[script];
    if (!target?.source.includes(from)) throw changed(`"${from}" in ${script}`);
    target.source = target.source.replace(from, to);
    target.sha = createHash('sha1').update(target.source).digest('hex');
  };
  const replace = (className, method, original) => {
    const prototype = classes[className]?.prototype;
    if (typeof prototype?.[method] !== 'function') throw changed(`${className}.${method}`);
    prototype[method] = original(prototype[method]);
  };
  const has = async (path, text) => {
    if (!(await readFile(join(dist, path), 'utf8')).includes(text)) throw changed(`"${text}" in ${path}`);
  };
  return make({ edit, replace, has });
}
