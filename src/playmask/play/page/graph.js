// A graph of words: nodes in columns by how far they are from where edges begin, edges with names.

const SVG = "http://www.w3.org/2000/svg";
const HIGH = 34, DOWN = 22, ACROSS = 130, PAD = 14, SIZE = 15;

function drawn(name, attributes, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

const widthOf = (text, size = SIZE) =>
  [...text].reduce((sum, letter) => sum + (letter.codePointAt(0) > 0x2e7f ? size : 0.58 * size), 0);

// The column of each node: one more than the furthest that leads there; circles are cut.
function columnsOf(nodes, edges) {
  const column = new Map(nodes.map(({ id }) => [id, 0]));
  for (let round = 0; round < nodes.length; round += 1) {
    let moved = false;
    for (const { from, to } of edges) {
      const next = column.get(from) + 1;
      if (from !== to && next > column.get(to) && next < nodes.length) {
        column.set(to, next);
        moved = true;
      }
    }
    if (!moved) return column;
  }
  return new Map(nodes.map(({ id }) => [id, edges.some(({ from }) => from === id) ? 0 : 1]));
}

// nodes: {id, text, mark?: number of a colour}; edges: {from, to, text}.
export function graph(nodes, edges, label) {
  const column = columnsOf(nodes, edges), columns = [];
  for (const node of nodes) (columns[column.get(node.id)] ??= []).push(node);
  const named = (i) => edges.filter(({ to }) => column.get(to) === i).map(({ text }) => widthOf(text, 12) + 40);
  const place = new Map();
  let left = 2;
  columns.filter(Boolean).forEach((some, i) => {
    if (i > 0) left += Math.max(ACROSS * 0.6, ...named(column.get(some[0].id)));
    const wide = Math.max(...some.map(({ text }) => widthOf(text) + 2 * PAD));
    some.forEach((node, j) => place.set(node.id, { x: left, y: 2 + j * (HIGH + DOWN), wide: widthOf(node.text) + 2 * PAD }));
    left += wide;
  });
  const height = Math.max(...[...place.values()].map(({ y }) => y + HIGH)) + 2;
  const picture = drawn("svg", { viewBox: `0 0 ${left + 2} ${height}`, role: "img", "aria-label": label, class: "graph" });
  picture.style.maxWidth = `${left + 2}px`;
  const between = new Map();
  for (const { from, to, text } of edges) {
    const [a, b] = [place.get(from), place.get(to)], pair = `${from} ${to}`;
    const before = between.get(pair) ?? 0;
    between.set(pair, before + 1);
    const [x1, y1, x2, y2] = [a.x + a.wide, a.y + HIGH / 2, b.x, b.y + HIGH / 2 + before * 14];
    const middle = (x1 + x2) / 2;
    picture.append(drawn("path", { d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`, class: "edge" }));
    const [mx, my] = [middle, (y1 + y2) / 2], wide = widthOf(text, 12) + 10;
    picture.append(drawn("rect", { x: mx - wide / 2, y: my - 10, width: wide, height: 20, class: "edge-name" }));
    picture.append(drawn("text", { x: mx, y: my, class: "edge-text" }, text));
  }
  for (const { id, text, mark } of nodes) {
    const { x, y, wide } = place.get(id);
    const node = drawn("rect", { x, y, width: wide, height: HIGH, rx: 8, class: mark === undefined ? "node" : `node mark-${mark}` });
    picture.append(node, drawn("text", { x: x + wide / 2, y: y + HIGH / 2 + 1, class: mark === undefined ? "node-text" : "node-text on-mark" }, text));
  }
  return picture;
}
