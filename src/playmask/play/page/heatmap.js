// A matrix as a picture: rows look, columns are looked at. The pointer and the arrow keys read it.
import { colour, element, veil } from "./elements.js";

const LARGEST = 40; // pixels of a cell
const NAMED = 11; // pixels of a cell beside which a token can be read

// A token without the marks of its tokenizer.
export const shown = (token) => token.replace(/^(##|▁|Ġ)/, "") || token;
const upright = (text) => [...text].every((letter) => letter.codePointAt(0) > 0x2e7f);

function paint(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  return pen;
}

const strongest = (weights) => Math.max(...weights.flat().map(Math.abs)) || 1;

function cells(pen, weights, left, above, cell) {
  const top = strongest(weights);
  weights.forEach((row, i) => row.forEach((weight, j) => {
    pen.fillStyle = weight < 0 ? veil("for", weight / top) : veil("heat", weight / top);
    const gap = cell >= 6 ? 1 : 0;
    pen.fillRect(left + j * cell, above + i * cell, cell - gap, cell - gap);
  }));
}

// A small picture of some weights, as wide as `size`.
export function thumbnail(weights, size = 60) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const longest = Math.max(weights.length, weights[0].length);
  cells(paint(canvas, size, size * weights.length / longest), weights, 0, 0, size / longest);
  return canvas;
}

// A large one with tokens at its sides; read(i, j): what is said of the cell that is pointed at;
// detail(i): what stands beside the map of the row that is pointed at.
export function heatmap({ weights, rows, columns, label, read, room, detail = () => "" }) {
  const canvas = element("canvas", { class: "map", tabIndex: 0, role: "img", "aria-label": label });
  const readout = element("p", { class: "readout", "aria-live": "polite" });
  const font = (size) => `${size}px "Noto Sans SC", "PingFang SC", "Microsoft YaHei", system-ui, sans-serif`;
  const pen = canvas.getContext("2d");
  pen.font = font(13);
  const wide = (name) => pen.measureText(name).width;
  const high = (name) => (upright(name) ? 15 * [...name].length : wide(name) <= LARGEST / 2 ? 15 : wide(name));
  const longest = (names, size) => Math.min(64, Math.max(...names.map((name) => size(shown(name)))) + 8);
  const side = longest(rows, wide), head = longest(columns, high);
  const cell = Math.max(3, Math.min(LARGEST, Math.floor((room - side) / columns.length)));
  let [row, column] = [-1, -1];
  const beside = element("div", {});

  function write(text, x, y, align, bold) {
    drawing.font = `${bold ? "600 " : ""}${font(Math.min(13, cell))}`;
    drawing.fillStyle = colour(bold ? "accent" : "ink");
    drawing.textBaseline = "middle";
    drawing.textAlign = align;
    drawing.fillText(text, x, y, align === "right" ? side - 6 : head - 4);
  }

  // Ideographs stand below each other, what is short stands upright, and the rest is turned.
  function above(text, x, bold) {
    if (upright(text) || wide(text) <= cell / 2) {
      const lines = upright(text) ? [...text].slice(0, 4) : [text];
      lines.forEach((line, i) => write(line, x, head - 10 - 15 * (lines.length - 1 - i), "center", bold));
      return;
    }
    drawing.save();
    drawing.translate(x, head - 4);
    drawing.rotate(-Math.PI / 2);
    write(text, 0, 0, "left", bold);
    drawing.restore();
  }

  let drawing;
  function draw() {
    drawing = paint(canvas, side + columns.length * cell, head + rows.length * cell);
    cells(drawing, weights, side, head, cell);
    if (cell >= NAMED) {
      rows.forEach((each, i) => write(shown(each), side - 6, head + (i + 0.5) * cell, "right", i === row));
      columns.forEach((each, j) => above(shown(each), side + (j + 0.5) * cell, j === column));
    }
    drawing.strokeStyle = colour("accent");
    if (row >= 0) drawing.strokeRect(side - 0.5, head + row * cell - 0.5, columns.length * cell, cell);
    if (column >= 0) drawing.strokeRect(side + column * cell - 0.5, head + row * cell - 0.5, cell, cell);
  }

  function point(i, j) {
    if (i === row && j === column) return;
    if (i !== row) beside.replaceChildren(detail(i));
    [row, column] = [i, j];
    readout.textContent = read(i, j);
    draw();
  }

  function under(event) {
    const j = Math.floor((event.offsetX - side) / cell), i = Math.floor((event.offsetY - head) / cell);
    if (i >= 0 && i < rows.length && j < columns.length) point(i, Math.max(j, -1));
  }
  canvas.addEventListener("pointermove", under);
  canvas.addEventListener("pointerdown", under);
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    const within = (place, count) => Math.max(0, Math.min(count - 1, place));
    point(within(row + move[0], rows.length), within(column + move[1], columns.length));
  });
  draw();
  const view = element("div", { class: "heatmap" }, element("div", { class: "frame" }, canvas), element("div", { class: "detail" }, readout, beside));
  return { view, point };
}
