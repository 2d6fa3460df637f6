// Attention by layer and head: all heads of a layer small, one of them large.
import { ask } from "./asking.js";
import { bars, buttons, element } from "./elements.js";
import { heatmap, shown, thumbnail } from "./heatmap.js";
import { word } from "./words.js";

const MOST = 8; // keys that are listed

const range = (count) => Array.from({ length: count }, (_, i) => i);

// Buttons for layers, and for heads with a small picture of each.
export function chooser(found, layer, head, act) {
  const layers = buttons(word("layer"), range(found.layers).map((i) => [i, String(i)]), layer, (i) => act(i, head));
  const heads = found.heads.map((weights, i) => element("button", {
    type: "button", class: "head", "aria-pressed": i === head, onclick: () => act(layer, i),
  }, thumbnail(weights), element("span", { textContent: word("head", i) })));
  return [
    element("div", { class: "line" }, element("span", { class: "quiet", textContent: word("layer") }), layers),
    element("div", { class: "heads", role: "group", "aria-label": word("heads") }, heads),
  ];
}

// The keys that a token looks at most.
function strongest(found, weights, i) {
  const order = weights.map((weight, j) => [weight, j]).sort((a, b) => Math.abs(b[0]) - Math.abs(a[0])).slice(0, MOST);
  const top = Math.abs(order[0][0]) || 1;
  return element("div", {}, element("h3", { textContent: word("strongest", shown(found.tokens[i])) }),
    bars(order.map(([weight, j]) => [shown(found.keys[j]), Math.abs(weight) / top, weight.toFixed(3)])));
}

export function mapOf(found, head, room, wide = true) {
  const weights = found.heads[head];
  const map = heatmap({
    weights, rows: found.tokens, columns: found.keys, room, label: word("map-of", head),
    read: (i, j) => (j < 0 ? "" : word("looks", shown(found.tokens[i]), shown(found.keys[j]), weights[i][j].toFixed(3))),
    detail: (i) => (wide ? strongest(found, weights[i], i) : ""),
  });
  if (wide) map.point(Math.min(1, found.tokens.length - 1), -1);
  return map;
}

export class Attention {
  constructor(page, root) {
    [this.page, this.root, this.layer, this.head] = [page, root, 0, 0];
    this.live = true;
  }

  async refresh(signal) {
    const { task, whole } = this.page.input();
    this.layer = Math.min(this.layer, Math.max(task.layers - 1, 0));
    const found = await ask("maps", { ...whole, layer: this.layer }, signal);
    this.head = Math.min(this.head, found.heads.length - 1);
    const again = (layer, head) => {
      const same = layer === this.layer;
      [this.layer, this.head] = [layer, head];
      if (same) show();
      else this.page.refresh();
    };
    const show = () => {
      const map = mapOf(found, this.head, Math.min(this.root.clientWidth, 600));
      const focused = document.activeElement?.textContent;
      this.root.replaceChildren(...chooser(found, this.layer, this.head, again),
        element("p", { class: "quiet", textContent: word("hover-map") }), map.view);
      [...this.root.querySelectorAll("button")].find((each) => each.textContent === focused)?.focus();
    };
    show();
  }
}
