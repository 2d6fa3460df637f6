// The mask as an order: integers that one changes, and who then sees whom.
import { ask } from "./asking.js";
import { buttons, characters, element, field } from "./elements.js";
import { heatmap } from "./heatmap.js";
import { language, word } from "./words.js";

const MOST = 16;

export class Mask {
  constructor(page, root) {
    [this.page, this.root] = [page, root];
    this.live = this.alone = true;
    this.window = "";
    this.strict = this.packed = false;
    this.order = "unilm";
    this.setText("今天天气真好啊");
    this.segments = this.sites.map((_, i) => Number(i >= 4));
    this.lit = 5;
  }

  setText(text) {
    const before = this.sites ?? [];
    this.sites = characters(text).slice(0, MOST);
    const resized = (row, value) => this.sites.map((_, i) => (i < before.length ? row[i] : value));
    this.segments = resized(this.segments ?? [], 0);
    this.padding = resized(this.padding ?? [], false);
    this.texts = resized(this.texts ?? [], 0);
    if (Array.isArray(this.order)) this.order = resized(this.order, Math.max(0, ...this.order));
    this.lit = Math.min(this.lit ?? 0, this.sites.length - 1);
  }

  async refresh(signal) {
    if (!this.sites.length) return;
    const found = await ask("mask", {
      segments: this.segments, order: this.order, padding: this.padding, strict: this.strict,
      texts: this.packed ? this.texts : null, window: this.window === "" ? null : Number(this.window),
    }, signal);
    this.show(found);
  }

  change(focus) {
    this.focus = focus;
    this.page.refresh();
  }

  // The box for the text stays as it is while others are made anew: who types Chinese composes in it.
  frame() {
    if (this.spoken === language()) return;
    this.spoken = language();
    const typed = (event) => {
      if (event.isComposing) return;
      this.setText(event.target.value);
      this.page.refresh();
    };
    const text = element("input", { id: "mask-text", value: this.sites.join(""), maxLength: MOST, autocomplete: "off", oninput: typed, oncompositionend: typed });
    this.slot = element("div");
    this.root.replaceChildren(element("h2", { textContent: word("mask-title") }), element("p", { class: "lead", textContent: word("mask-idea") }),
      field(word("mask-text"), text), this.slot);
  }

  show({ order, grid, python }) {
    this.frame();
    const focus = this.focus ?? document.activeElement?.id;
    const hand = Array.isArray(this.order) ? [["hand", word("hand")]] : [];
    const presets = [...this.page.orders.map((name) => [name, word(name)]), ["permutation", word("permutation")], ...hand];
    const chosen = hand.length ? "hand" : this.order;
    this.slot.replaceChildren(buttons(word("order"), presets, chosen, (name) => this.take(name)),
      this.table(order), this.options(), this.picture(grid, python));
    const again = focus && document.getElementById(focus);
    if (again && this.slot.contains(again)) again.focus();
    this.focus = null;
  }

  take(name) {
    if (name === "hand") return;
    if (name === "permutation") {
      const ranks = this.sites.map((_, i) => i);
      for (let i = ranks.length - 1; i > 0; i -= 1) {
        const j = Math.floor(Math.random() * (i + 1));
        [ranks[i], ranks[j]] = [ranks[j], ranks[i]];
      }
      this.order = ranks;
    } else this.order = name;
    this.change();
  }

  row(key, cell) {
    return element("tr", {}, element("th", { scope: "row", textContent: word(key) }), this.sites.map((site, i) => element("td", {}, cell(site, i))));
  }

  table(order) {
    const number = (id, key, site, i, value, act) => element("input", {
      id: `${id}-${i}`, type: "number", min: -99, max: 99, value, "aria-label": word(key, site, i + 1),
      onchange: (event) => { act(Number(event.target.value) || 0); this.change(`${id}-${i}`); },
    });
    const toggle = (id, key, site, i, pressed, text, act) => element("button", {
      type: "button", id: `${id}-${i}`, class: "toggle", "aria-pressed": pressed, "aria-label": word(key, site, i + 1), textContent: text,
      onclick: () => { act(); this.change(`${id}-${i}`); },
    });
    const token = (site, i) => element("button", {
      type: "button", id: `site-${i}`, class: "token", textContent: site, onpointerenter: () => this.light(i), onfocus: () => this.light(i), onclick: () => this.light(i),
    });
    const rows = [
      this.row("site", token),
      this.row("segment", (site, i) => toggle("segment", "segment-of", site, i, this.segments[i] === 1, this.segments[i], () => { this.segments[i] = 1 - this.segments[i]; })),
      this.row("order", (site, i) => number("order", "order-of", site, i, order[i], (value) => {
        this.order = order.map((each, j) => (j === i ? value : each));
      })),
      this.row("padding", (site, i) => toggle("padding", "padding-of", site, i, this.padding[i], this.padding[i] ? "∞" : "·", () => { this.padding[i] = !this.padding[i]; })),
      ...(this.packed ? [this.row("packed", (site, i) => number("text", "text-of", site, i, this.texts[i], (value) => { this.texts[i] = value; }))] : []),
    ];
    return element("div", { class: "sites", tabIndex: -1 }, element("table", {}, element("tbody", {}, rows)));
  }

  options() {
    const box = (id, key, name) => element("label", { class: "box" }, element("input", {
      type: "checkbox", id, checked: this[name], onchange: (event) => { this[name] = event.target.checked; this.change(id); },
    }), word(key));
    const width = element("input", { id: "window-width", type: "number", min: 1, max: MOST, value: this.window, placeholder: word("none"),
      onchange: (event) => { this.window = event.target.value; this.change("window-width"); } });
    return element("div", { class: "controls" }, field(word("window-width"), width), box("strict", "strict", "strict"), box("several", "several", "packed"));
  }

  says(i) {
    const sees = this.sites.filter((_, j) => this.grid[i][j]);
    return sees.length ? word("sees", this.sites[i], sees.join(" ")) : word("sees-nothing", this.sites[i]);
  }

  picture(grid, python) {
    this.grid = grid;
    const rule = element("pre", { textContent: `key.order ${this.strict ? "<" : "<="} query.order\n${python}` });
    this.map = heatmap({
      weights: grid, rows: this.sites, columns: this.sites, room: Math.min(this.root.clientWidth, 560), label: word("mask-map"), detail: () => rule,
      read: (i) => { this.mark(i); return this.says(i); },
    });
    queueMicrotask(() => this.map.point(this.lit, -1));
    return element("div", {}, element("p", { class: "quiet", textContent: word("mask-hint") }), this.map.view);
  }

  light(i) {
    this.map.point(i, -1);
  }

  // The tokens that one sees, above the integers that say so.
  mark(i) {
    this.lit = i;
    this.sites.forEach((_, j) => {
      const token = document.getElementById(`site-${j}`);
      token?.classList.toggle("seen", Boolean(this.grid[i][j]));
      token?.classList.toggle("looking", i === j);
    });
  }
}
