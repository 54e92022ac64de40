// What the commands of this repository do with their arguments.

/**
 * The options of a command, or its end: with the usage and exit code 2 if they are wrong, with 0 if `help` is among them.
 * @template {{ help?: boolean }} Options
 * @param {() => Options} parse throws an error whose message tells what is wrong
 * @param {string} usage
 * @returns {Options}
 */
export function commandLine(parse, usage) {
  let options;
  try {
    options = parse();
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}\n\n${usage}`);
    process.exit(2);
  }
  if (!options.help) return options;
  console.log(usage);
  process.exit(0);
}

/**
 * An option that is a whole number.
 * @param {Record<string, any>} values of parseArgs
 * @param {string} name
 * @param {{ least: number, most?: number, otherwise?: number }} range `otherwise`: what it is if it is not given
 * @returns {number | undefined}
 */
export function wholeNumber(values, name, { least, most = 2 ** 31, otherwise }) {
  if (values[name] === undefined) return otherwise;
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new TypeError(`--${name} is "${values[name]}": it must be a whole number from ${least} to ${most}`);
}
