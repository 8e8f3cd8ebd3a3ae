// A plot of the last minute that moves with time. SVG, so that the style sheet colours it in light and dark.

const SVG = "http://www.w3.org/2000/svg";
const WINDOW_MS = 60_000;
const WIDTH = 600;
const HEIGHT = 120;
const INSET = 4; // so that a curve at either edge is seen whole
const STEPS = [1, 2, 5];

export class Plot {
  #series;
  #samples = []; // [time, ...values], null where unknown
  #curves = [];
  #figures = [];
  #low;
  #ceiling;
  #format;
  #unit;

  /**
   * @param figure element with a figcaption
   * @param series names of the curves, one to three
   * @param low value of the bottom edge
   * @param high smallest value of the top edge; it grows with the data if `grows`
   */
  constructor(figure, { series, unit, low = 0, high, grows = true, digits = 1 }) {
    this.figure = figure;
    this.name = figure.querySelector("figcaption").textContent;
    this.#series = series;
    this.#unit = unit;
    this.#low = low;
    this.high = high;
    this.grows = grows;
    this.#format = (value) => (value === null || value === undefined ? "–" : value.toFixed(digits));
    this.#build();
  }

  /** Add one sample: the time in ms, and a value or null for each series. */
  add(time, values) {
    this.#samples.push([time, ...values]);
    while (this.#samples.length && this.#samples[0][0] < time - WINDOW_MS - 2000) this.#samples.shift();
    this.#figures.forEach((element, index) => (element.textContent = this.#format(values[index])));
  }

  /** Draw the plot as it is at `now`. */
  draw(now) {
    const ceiling = this.#scale();
    const share = (value) => (Math.min(ceiling, Math.max(this.#low, value)) - this.#low) / (ceiling - this.#low);
    const y = (value) => HEIGHT - INSET - (HEIGHT - 2 * INSET) * share(value);
    const x = (time) => WIDTH * (1 - (now - time) / WINDOW_MS);
    this.#curves.forEach((curve, index) => curve.setAttribute("d", this.#path(index + 1, x, y)));
    this.#ceiling.textContent = `${Number(ceiling.toPrecision(3))} ${this.#unit}`;
  }

  /** Say in words what the plot shows, for those who do not see it. */
  describe() {
    const parts = this.#series.map((name, index) => {
      const values = this.#samples.map((sample) => sample[index + 1]).filter((value) => value !== null);
      if (values.length === 0) return `${name} unknown`;
      const [last, least, most] = [values.at(-1), Math.min(...values), Math.max(...values)].map(this.#format);
      return `${name} ${last} ${this.#unit}, between ${least} and ${most} in the last minute`;
    });
    this.drawing.setAttribute("aria-label", `${this.name}: ${parts.join("; ")}`);
  }

  clear() {
    this.#samples = [];
    this.#figures.forEach((element) => (element.textContent = "–"));
    this.draw(0);
  }

  #scale() {
    if (!this.grows) return this.high;
    const values = this.#samples.flatMap((sample) => sample.slice(1)).filter((value) => value !== null);
    const most = Math.max(this.high, ...values);
    if (most === this.high) return this.high;
    const power = 10 ** Math.floor(Math.log10(most));
    return (STEPS.find((step) => step * power >= most) ?? 10) * power;
  }

  #path(column, x, y) {
    let path = "";
    let isDown = false;
    for (const sample of this.#samples) {
      if (sample[column] === null) {
        isDown = false;
        continue;
      }
      path += `${isDown ? "L" : "M"}${x(sample[0]).toFixed(1)} ${y(sample[column]).toFixed(1)}`;
      isDown = true;
    }
    return path;
  }

  #build() {
    const legend = document.createElement("p");
    legend.className = "legend";
    this.#series.forEach((name, index) => {
      const item = document.createElement("span");
      item.className = `curve-${index + 1}`;
      const value = document.createElement("b");
      value.textContent = "–";
      item.append(value, ` ${this.#unit} ${name}`);
      this.#figures.push(value);
      legend.append(item);
    });
    this.drawing = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    for (const share of [0, 0.5, 1]) {
      this.drawing.append(element("line", { x1: 0, x2: WIDTH, y1: HEIGHT * share, y2: HEIGHT * share }));
    }
    this.#curves = this.#series.map((_, index) => element("path", { class: `curve-${index + 1}` }));
    this.drawing.append(...this.#curves);
    this.#ceiling = document.createElement("small");
    this.#ceiling.className = "ceiling";
    const floor = document.createElement("small");
    floor.className = "floor";
    floor.textContent = `${this.#low} ${this.#unit}`;
    const frame = document.createElement("div");
    frame.className = "frame";
    frame.append(this.drawing, this.#ceiling, floor);
    this.figure.append(legend, frame);
    this.describe();
    this.draw(0);
  }
}

function element(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
