// A graph of words: nodes in columns by how far they are from where edges begin, edges with names.

const SVG = "http://www.w3.org/2000/svg";
const HIGH = 34, DOWN = 18, BEND = 56, PAD = 14, SIZE = 15, SMALL = 12; // pixels

function drawn(name, attributes, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

// How wide a text is: ideographs are squares.
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
  const shown = columns.filter(Boolean), tallest = Math.max(...shown.map((some) => some.length));
  const named = (some) => edges.filter(({ to }) => some.some(({ id }) => id === to)).map(({ text }) => widthOf(text, SMALL));
  const place = new Map();
  let left = 2;
  shown.forEach((some, i) => {
    if (i > 0) left += BEND + Math.max(0, ...named(some)) + 24;
    const above = 2 + ((tallest - some.length) * (HIGH + DOWN)) / 2;
    some.forEach((node, j) => place.set(node.id, { x: left, y: above + j * (HIGH + DOWN), wide: widthOf(node.text) + 2 * PAD }));
    left += Math.max(...some.map(({ text }) => widthOf(text) + 2 * PAD));
  });
  const height = 4 + tallest * (HIGH + DOWN) - DOWN;
  const picture = drawn("svg", { viewBox: `0 0 ${left + 2} ${height}`, role: "img", "aria-label": label, class: "graph" });
  picture.style.maxWidth = `${left + 2}px`;
  const before = new Map();
  for (const { from, to, text } of edges) {
    const [a, b] = [place.get(from), place.get(to)], pair = `${from} ${to}`, count = before.get(pair) ?? 0;
    before.set(pair, count + 1);
    const [x1, y1, x2, y2] = [a.x + a.wide, a.y + HIGH / 2, b.x - 3, b.y + HIGH / 2 + 15 * count];
    const wide = widthOf(text, SMALL), bend = x2 - wide - 22, middle = (x1 + bend) / 2;
    picture.append(
      drawn("path", { d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${bend} ${y2}L${x2} ${y2}m-6 -4l6 4l-6 4`, class: "edge" }),
      drawn("rect", { x: bend + 2, y: y2 - 9, width: wide + 8, height: 18, class: "edge-name" }),
      drawn("text", { x: bend + 6 + wide / 2, y: y2, class: "edge-text" }, text));
  }
  for (const { id, text, mark } of nodes) {
    const { x, y, wide } = place.get(id);
    const node = drawn("rect", { x, y, width: wide, height: HIGH, rx: 8, class: mark === undefined ? "node" : `node mark-${mark}` });
    picture.append(node, drawn("text", { x: x + wide / 2, y: y + HIGH / 2 + 1, class: mark === undefined ? "node-text" : "node-text on-mark" }, text));
  }
  return picture;
}
