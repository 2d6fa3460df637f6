// A text as it is written: the best beam large, all of them beside it.
import { askLines } from "./asking.js";
import { characters, element, field } from "./elements.js";
import { word } from "./words.js";

function common(texts) {
  const all = texts.map(characters);
  let count = 0;
  while (all.length && all.every((one) => count < one.length && one[count] === all[0][count])) count += 1;
  return count;
}

function lane({ text, score }, shared) {
  const letters = characters(text);
  return element("li", {},
    element("span", { class: "name" }, element("span", { class: "quiet", textContent: letters.slice(0, shared).join("") }),
      letters.slice(shared).join(""), letters.length ? null : element("span", { class: "quiet", textContent: word("empty") })),
    element("span", { class: "number", textContent: score.toFixed(2) }));
}

export class Writing {
  constructor(page) {
    this.page = page;
    this.beams = 3;
    this.most = 32;
    this.last = this.running = null;
  }

  // The task is another one: end its stream, and forget what it wrote.
  leave() {
    this.running?.abort();
    this.last = this.running = null;
  }

  label() {
    return word(this.running ? "stop" : "write");
  }

  show(root) {
    const number = (id, key, most, name) => field(word(key), element("input", {
      id, type: "number", min: 1, max: most, value: this[name], onchange: (event) => { this[name] = Number(event.target.value); },
    }));
    this.button = element("button", { type: "button", class: "act", textContent: this.label(), onclick: () => this.toggle() });
    this.text = element("p", { class: "reading written", "aria-live": "polite" });
    this.lanes = element("ol", { class: "lanes" });
    this.count = element("p", { class: "quiet" });
    root.replaceChildren(
      element("div", { class: "controls" }, number("beams", "beams", 8, "beams"), number("max-tokens", "max-tokens", 256, "most"), this.button),
      element("div", { class: "beside" },
        element("div", {}, element("h3", { textContent: word("best") }), this.text, this.count),
        element("div", {}, element("h3", { textContent: word("lanes") }), this.lanes)));
    if (this.last) this.draw(this.last);
  }

  draw(step) {
    this.last = step;
    const texts = step.lanes.map(({ text }) => text), shared = common(texts);
    this.text.replaceChildren(
      element("span", { class: "quiet", textContent: this.prompt }), texts[0] ?? "");
    this.lanes.replaceChildren(...step.lanes.map((each) => lane(each, shared)));
    this.count.textContent = word("tokens", step.tokens);
  }

  async toggle() {
    if (this.running) return this.running.abort();
    const own = this.running = new AbortController();
    this.button.textContent = this.label();
    const { task, text } = this.page.input();
    this.prompt = task.kind === "language-model" ? text : "";
    try {
      this.page.fault(null);
      this.text.replaceChildren(element("span", { class: "quiet", textContent: word("working") }));
      const body = { task: task.name, text, beams: this.beams, max_tokens: this.most };
      for await (const step of askLines("write", body, own.signal)) {
        if (this.running !== own) return;
        this.draw(step);
      }
    } catch (error) {
      if (error.name !== "AbortError") this.page.fault(error);
    }
    if (this.running !== own) return;
    this.running = null;
    this.button.textContent = this.label();
  }
}
