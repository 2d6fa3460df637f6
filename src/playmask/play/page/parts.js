// A part of the attention switched, its map beside the plain one.
import { ask } from "./asking.js";
import { chooser, mapOf } from "./attention.js";
import { choice, element, field } from "./elements.js";
import { word } from "./words.js";

const NARROW = 700; // pixels below which two maps stand below each other

function difference(one, other) {
  const [a, b] = [one.flat(), other.flat()];
  return a.length === b.length ? a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length : null;
}

export class Parts {
  constructor(page, root) {
    [this.page, this.root, this.layer, this.head, this.part] = [page, root, 0, 0, page.parts[0]];
    this.live = false;
  }

  async refresh(signal, asked) {
    const { task, whole } = this.page.input();
    this.layer = Math.min(this.layer, Math.max(task.layers - 1, 0));
    const select = choice("part", this.page.parts.map((name) => [name, word(name)]), this.part, (value) => {
      this.part = value;
      this.page.refresh(true);
    });
    const act = element("button", { type: "button", class: "act", textContent: word("compare"), onclick: () => this.page.refresh(true) });
    this.result = element("div", { class: "result" });
    this.root.replaceChildren(element("p", { class: "quiet", textContent: word("parts-hint") }),
      element("div", { class: "controls" }, field(word("part"), select), act), this.result);
    if (asked) this.show(await ask("part", { ...whole, layer: this.layer, part: this.part }, signal));
  }

  show({ plain, changed, fresh, python }) {
    this.head = Math.min(this.head, Math.min(plain.heads.length, changed.heads.length) - 1);
    const room = this.root.clientWidth;
    const each = room < NARROW ? room : (room - 40) / 2;
    const beside = [["plain", plain], ["switched", changed]].map(([key, found]) =>
      element("div", {}, element("h3", { textContent: word(key) }), mapOf(found, this.head, each, false).view));
    const apart = difference(plain.heads[this.head], changed.heads[this.head]);
    const says = apart === null ? word("other-keys") : apart < 1e-4 ? word("equal") : word("difference", apart.toFixed(4));
    const act = (layer, head) => {
      const same = layer === this.layer;
      [this.layer, this.head] = [layer, head];
      if (same) this.show({ plain, changed, fresh, python });
      else this.page.refresh(true);
    };
    this.result.replaceChildren(element("pre", { textContent: python }), ...chooser(plain, this.layer, this.head, act),
      element("div", { class: "beside even" }, beside),
      element("p", { textContent: says }), element("p", { class: "quiet", textContent: fresh ? word("fresh", fresh) : word("loaded") }));
  }
}
