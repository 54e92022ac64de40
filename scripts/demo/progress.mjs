// Tells on stderr how far the demo is: a bar on a terminal, a line per step elsewhere.

const WIDTH = 30;
const number = (value) => Math.round(value).toLocaleString('en-US');

export class Progress {
  live = process.stderr.isTTY === true;

  /** @param {string} line something that stays to be read */
  say(line) {
    if (this.live) process.stderr.write('\r\x1b[2K');
    process.stderr.write(`${line}\n`);
  }

  /**
   * Shows the work until it is done.
   * @template T
   * @param {string} title
   * @param {() => { share: number, requests: number, time: number }} look how much is done (0 to 1)
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async during(title, look, work) {
    if (!this.live) this.say(`${title} ...`);
    const timer = this.live ? setInterval(() => this.draw(title, look()), 100) : undefined;
    try {
      return await work();
    } finally {
      clearInterval(timer);
      const { requests, time } = look();
      this.say(`${this.live ? title : '  done'}: ${number(requests)} requests in ${(time / 1_000).toFixed(1)} s`);
    }
  }

  draw(title, { share, requests, time }) {
    const filled = Math.round(Math.min(share, 1) * WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
    const rate = time > 0 ? `${number((requests / time) * 1_000)}/s` : '';
    process.stderr.write(`\r\x1b[2K${bar} ${title}  ${number(requests)} requests  ${rate}`);
  }
}
