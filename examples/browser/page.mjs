// The page: classifies what stands in the text area with the task in the folder ?task=… names.

import { Classifier } from "./classifier.mjs";

const element = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);

function row(label, probability) {
  const line = document.createElement("div");
  line.className = "row";
  const name = document.createElement("span");
  name.textContent = label;
  const bar = document.createElement("div");
  bar.className = "bar";
  bar.style.width = `${100 * probability}%`;
  const number = document.createElement("span");
  number.className = "number";
  number.textContent = probability.toFixed(6);
  line.append(name, bar, number);
  return line;
}

async function guarded(work) {
  element("error").textContent = "";
  try {
    await work();
  } catch (error) {
    element("error").textContent = error.message;
  }
}

guarded(async () => {
  const classifier = await Classifier.load(query.get("task") ?? "task");
  const show = async () => {
    const found = await classifier.probabilities(element("text").value);
    element("answer").replaceChildren(...Object.entries(found).map(([name, p]) => row(name, p)));
  };
  element("classify").addEventListener("click", () => guarded(show));
  element("classify").disabled = false;
  if (query.has("text")) element("text").value = query.get("text");
  await show();
});
