// What a task answers, each kind of answer in its own view.
import { ask } from "./asking.js";
import { bars, element, percent } from "./elements.js";
import { graph } from "./graph.js";
import { marked, numbered } from "./marked.js";
import { word } from "./words.js";
import { Writing } from "./writing.js";

const heading = (key, ...values) => element("h3", { textContent: word(key, ...values) });
const large = (text) => element("p", { class: "large", textContent: text });

function labelled({ label, labels, probabilities }) {
  const rows = Object.entries(probabilities).sort((a, b) => b[1] - a[1]).map(([name, share]) => [name, share, percent(share)]);
  return [large(label ?? labels.join(" · ")), heading("probabilities"), bars(rows, label)];
}

function table(mentions, labels) {
  const head = ["words", "label", "span", "score"].map((key) => element("th", { scope: "col", textContent: word(key) }));
  const rows = mentions.map(({ text, label, start, end, score }) => element("tr", {},
    element("td", { textContent: text }),
    element("td", {}, element("span", { class: `chip mark-${labels.get(label)}`, textContent: label })),
    element("td", { class: "number", textContent: `[${start}, ${end})` }),
    element("td", { class: "number", textContent: score === undefined ? "" : score.toFixed(3) })));
  return element("table", {}, element("thead", {}, element("tr", {}, head)), element("tbody", {}, rows));
}

function mentioned(text, mentions) {
  const labels = numbered(mentions);
  return mentions.length ? [marked(text, mentions, labels), table(mentions, labels)] : [marked(text, []), element("p", { class: "quiet", textContent: word("nothing") })];
}

const once = (mentions) => [...new Map(mentions.map((each) => [`${each.start} ${each.end} ${each.label}`, each])).values()];

function drawn(text, mentions, nodes, edges) {
  const unique = once(mentions), labels = numbered(unique);
  if (!unique.length) return mentioned(text, []);
  const coloured = [...nodes.values()].map((node) => ({ ...node, mark: labels.get(node.label) }));
  return [marked(text, unique, labels), heading("graph"), graph(coloured, edges, word("graph")), table(unique, labels)];
}

function related(text, { relations }) {
  const mentions = [], nodes = new Map(), edges = [];
  const node = (part, label) => {
    const id = `${part.start}-${part.end}`;
    mentions.push({ ...part, label });
    if (!nodes.has(id)) nodes.set(id, { id, text: part.text, label });
    return id;
  };
  for (const { subject, predicate, object, score } of relations) {
    const from = node({ ...subject, score }, word("subject"));
    for (const [slot, part] of Object.entries(object)) {
      const name = slot === "@value" ? predicate : `${predicate} · ${slot}`;
      edges.push({ from, to: node({ ...part, score }, name), text: name });
    }
  }
  return drawn(text, mentions, nodes, edges);
}

function happened(text, { events }) {
  const mentions = [], nodes = new Map(), edges = [];
  events.forEach(({ type, parts, score }, i) => {
    nodes.set(`event ${i}`, { id: `event ${i}`, text: type, label: null });
    for (const part of parts) {
      const id = `${part.start}-${part.end}`;
      mentions.push({ ...part, label: part.role, score });
      if (!nodes.has(id)) nodes.set(id, { id, text: part.text, label: part.role });
      edges.push({ from: `event ${i}`, to: id, text: part.role });
    }
  });
  return drawn(text, mentions, nodes, edges);
}

function prompted(text, { spans }) {
  const mentions = [], nodes = new Map(), edges = [];
  const visit = (found, above) => {
    for (const [label, each] of Object.entries(found)) for (const span of each) {
      const id = `${span.start}-${span.end}-${span.text}`;
      if (span.start !== undefined) mentions.push({ ...span, label });
      if (!nodes.has(id)) nodes.set(id, { id, text: span.text, label });
      if (above) edges.push({ from: above, to: id, text: label });
      visit(span.relations ?? {}, id);
    }
  };
  visit(spans, null);
  return edges.length ? drawn(text, mentions, nodes, edges) : mentioned(text, mentions);
}

function read(text, { answer, start, end, score }) {
  if (!answer) return [large("—"), element("p", { class: "quiet", textContent: word("no-answer") }), marked(text, [])];
  return [large(answer), marked(text, [{ start, end, label: word("score") + " " + score.toFixed(3) }])];
}

function filled(text, { fills }) {
  const parts = text.split("[MASK]");
  const best = parts.flatMap((part, i) => (i ? [element("span", { class: "mark mark-0 level-0", textContent: fills[i - 1]?.[0]?.text ?? "" }), part] : [part]));
  return [element("p", { class: "reading" }, best),
    ...fills.flatMap((gap, i) => [heading("gap", i + 1), bars(gap.map((fill) => [fill.text, fill.probability, percent(fill.probability)]))])];
}

// The first of the fields that an answer has says how it is shown.
const VIEWS = {
  probabilities: (_, answer) => labelled(answer),
  mentions: (text, answer) => mentioned(text, answer.mentions),
  relations: related,
  events: happened,
  spans: prompted,
  start: read,
  fills: filled,
  score: (_, answer) => [large(answer.score.toFixed(4))],
  scores: (_, answer) => [large(answer.scores.map((score) => score.toFixed(4)).join("  "))],
};

// Bars reach from a little below the least score, so that it has one too, to the greatest.
function compared({ comparison, sentences }) {
  const scores = sentences.map(({ score }) => score), high = Math.max(...scores);
  const low = high - 1.05 * (high - Math.min(...scores) || 1);
  const rows = sentences.map(({ text, score }) => [text, (score - low) / (high - low), score.toFixed(3)]);
  const says = word("similarity", word(comparison), low.toFixed(2), high.toFixed(2));
  return [bars(rows, rows[0][0]), element("p", { class: "quiet", textContent: says })];
}

export class Answer {
  constructor(page, root) {
    [this.page, this.root, this.writing] = [page, root, new Writing(page)];
    this.live = true;
  }

  leave() {
    this.writing.leave();
  }

  async refresh(signal) {
    const { task, text, whole, sentences, schema } = this.page.input();
    if (task.abilities.includes("complete")) return this.writing.show(this.root);
    let views;
    if (task.abilities.includes("embed")) {
      views = compared(await ask("similar", { task: task.name, text, sentences }, signal));
    } else {
      const found = await ask("answer", { ...whole, ...(task.kind === "uie" ? { schema } : {}) }, signal);
      const view = Object.keys(VIEWS).find((key) => key in found.answer);
      views = view ? VIEWS[view](text, found.answer) : [element("pre", { textContent: JSON.stringify(found.answer, null, 1) })];
      views.push(element("p", { class: "quiet", textContent: word("seconds", found.seconds.toFixed(2)) }));
    }
    this.root.replaceChildren(...views);
  }
}

