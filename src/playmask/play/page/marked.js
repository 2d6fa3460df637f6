// A text with coloured spans; those that overlap have lines below each other.
import { characters, element } from "./elements.js";

const COLOURS = 8, LEVELS = 3;

// Labels by number, in the order of their first mention.
export function numbered(mentions) {
  const labels = new Map();
  for (const { label } of mentions) if (!labels.has(label)) labels.set(label, labels.size % COLOURS);
  return labels;
}

function levelled(mentions) {
  const ends = Array(LEVELS).fill(0);
  return [...mentions].sort((a, b) => a.start - b.start || b.end - a.end).map((mention) => {
    const level = ends.findIndex((end) => end <= mention.start);
    if (level >= 0) ends[level] = mention.end;
    return { ...mention, level };
  });
}

// mentions: {start, end, label, score?}, half-open offsets of characters.
export function marked(text, mentions, labels = numbered(mentions)) {
  const letters = characters(text), spans = levelled(mentions);
  const cuts = [...new Set([0, letters.length, ...spans.flatMap(({ start, end }) => [start, end])])].sort((a, b) => a - b);
  const pieces = cuts.slice(1).map((end, i) => {
    const start = cuts[i], inside = spans.filter((span) => span.start <= start && end <= span.end);
    return inside.reduceRight((child, span) => {
      const score = span.score === undefined ? "" : ` ${span.score.toFixed(3)}`;
      const ends = span.end === end ? element("small", { textContent: span.label }) : null;
      return element("span", {
        class: `mark mark-${labels.get(span.label)} level-${Math.max(span.level, 0)}`,
        title: `${span.label} [${span.start}, ${span.end})${score}`,
      }, child, ends);
    }, document.createTextNode(letters.slice(start, end).join("")));
  });
  return element("p", { class: "reading", dir: "auto" }, pieces);
}
