// The setup's phases as bars on one time axis.

export class SetupView {
  #items;
  #reached = new Map();

  constructor(list) {
    this.#items = new Map([...list.children].map((item) => [item.dataset.phase, item]));
  }

  /** A phase was reached `ms` after the offer was sent. */
  reach(name, ms) {
    this.#reached.set(name, ms);
    const whole = Math.max(...this.#reached.values());
    let before = 0;
    for (const [phase, item] of this.#items) {
      const until = this.#reached.get(phase);
      if (until === undefined) continue;
      item.querySelector("b").textContent = `${until.toFixed(0)} ms`;
      item.style.setProperty("--from", Math.min(before, until) / whole);
      item.style.setProperty("--to", until / whole);
      before = until;
    }
  }

  nameOf(phase) {
    return this.#items.get(phase).querySelector("span").textContent;
  }

  clear() {
    this.#reached.clear();
    for (const item of this.#items.values()) {
      item.querySelector("b").textContent = "";
      item.style.setProperty("--from", 0);
      item.style.setProperty("--to", 0);
    }
  }
}
