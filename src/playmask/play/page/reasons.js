// Which characters carried an answer.
import { ask } from "./asking.js";
import { choice, element, field, veil } from "./elements.js";
import { word } from "./words.js";

const VISIBLE = 0.04, STRONG = 0.55; // of the strongest: what is less is not coloured, or is read in light ink
const signed = (value, digits = 3) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);

function pieces(text, top, say) {
  return element("p", { class: "reading", dir: "auto" }, text.map(([piece, score]) => {
    const says = score === null ? word("unread") : word("brought", piece, signed(score, 4));
    const span = element("span", { class: score === null ? "piece quiet" : "piece", textContent: piece, title: says, onpointerenter: () => say(says), onclick: () => say(says) });
    const share = (score ?? 0) / top;
    if (Math.abs(share) >= VISIBLE) span.style.background = veil(share > 0 ? "for" : "against", share);
    span.classList.toggle("strong", Math.abs(share) > STRONG);
    return span;
  }));
}

export class Reasons {
  constructor(page, root) {
    [this.page, this.root, this.answer] = [page, root, ""];
    this.live = false;
  }

  async refresh(signal, asked) {
    const { task, whole } = this.page.input();
    if (!task.labels.includes(this.answer)) this.answer = "";
    this.result = element("div", { class: "result" });
    const choices = [["", word("own")], ...task.labels.map((label) => [label, label])];
    const select = task.labels.length ? field(word("which-answer"), choice("which-answer", choices, this.answer, (value) => { this.answer = value; })) : null;
    const act = element("button", { type: "button", class: "act", textContent: word("explain"), onclick: () => this.page.refresh(true) });
    this.root.replaceChildren(element("p", { class: "quiet", textContent: word("explain-hint") }),
      element("div", { class: "controls" }, ...[select, act].filter(Boolean)), this.result);
    if (asked) this.show(await ask("explain", { ...whole, answer: this.answer || null }, signal));
  }

  show(found) {
    const top = Math.max(...found.texts.flat().map(([, score]) => Math.abs(score ?? 0))) || 1;
    const readout = element("p", { class: "readout", "aria-live": "polite" });
    const facts = [
      ...(found.probability === null ? [] : [["probability", found.probability.toFixed(3)]]),
      ["value", signed(found.value), found.unit],
      ["baseline", signed(found.baseline_value), found.baseline],
      ["completeness", `${found.steps}, ${(100 * found.gap).toFixed(2)} %`],
    ];
    this.result.replaceChildren(
      element("p", { class: "large", textContent: found.answer }),
      element("p", { class: "quiet", textContent: word("carries", found.answer) }),
      ...found.texts.map((text) => pieces(text, top, (says) => { readout.textContent = says; })), readout,
      element("p", { class: "scale" }, `${word("against")} ${signed(-top, 2)}`, element("i"), `${signed(top, 2)} ${word("for")}`),
      element("dl", {}, facts.flatMap(([key, value, name]) => [element("dt", { textContent: word(key, name) }), element("dd", { textContent: value })])),
      ...(found.complete ? [] : [element("p", { class: "quiet", textContent: word("incomplete") })]));
  }
}
