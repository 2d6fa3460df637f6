// The page: its boxes, its tabs, and which panel is asked.
import { ask } from "./asking.js";
import { Answer } from "./answer.js";
import { Attention } from "./attention.js";
import { at, choice } from "./elements.js";
import { Mask } from "./mask.js";
import { Parts } from "./parts.js";
import { Reasons } from "./reasons.js";
import { EXAMPLES, language, setLanguage, word } from "./words.js";

const PAUSE = 350; // milliseconds after the last key until the server is asked
const THEMES = ["auto", "light", "dark"];
const PANELS = { answer: Answer, attention: Attention, reasons: Reasons, parts: Parts, mask: Mask };

class Page {
  constructor({ tasks, parts, orders }) {
    [this.tasks, this.parts, this.orders] = [tasks, parts, orders];
    this.panels = Object.fromEntries(Object.entries(PANELS).map(([name, Panel]) => [name, new Panel(this, at(name))]));
    this.task = tasks[0];
    this.current = location.hash.slice(1) in PANELS ? location.hash.slice(1) : this.task ? "answer" : "mask";
  }

  input() {
    const pairs = this.task.pairs === true;
    const text = at("text").value, schema = at("schema").value.split(/[,，、]/).map((each) => each.trim()).filter(Boolean);
    const both = pairs ? { text: at("question").value, pair: text } : { text };
    const sentences = at("sentences").value.split("\n").filter((line) => line.trim());
    return { task: this.task, text, sentences, schema, whole: { task: this.task.name, ...both } };
  }

  fault(error) {
    at("fault").hidden = !error;
    at("fault").textContent = error?.message ?? "";
  }

  // Ask the server for the panel that is open; asked: by a button, not by typing.
  async refresh(asked = false) {
    this.waiting?.abort();
    this.waiting = new AbortController();
    const { signal } = this.waiting, panel = this.panels[this.current];
    const slow = setTimeout(() => at("panels").setAttribute("aria-busy", "true"), 250);
    at("panels").dataset.working = word("working");
    try {
      await panel.refresh(signal, asked);
      this.fault(null);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.fault(error);
      if (panel.live && !panel.alone) panel.root.replaceChildren();
    } finally {
      clearTimeout(slow);
      if (!signal.aborted) at("panels").setAttribute("aria-busy", "false");
    }
  }

  open(name) {
    this.current = name;
    for (const each of Object.keys(PANELS)) {
      const tab = at(`tab-${each}`);
      at(each).hidden = each !== name;
      tab.setAttribute("aria-selected", each === name);
      tab.tabIndex = each === name ? 0 : -1;
    }
    at("input").hidden = Boolean(this.panels[name].alone);
    at("sentences-field").hidden = !(name === "answer" && this.compares());
    history.replaceState(null, "", `#${name}`);
    this.refresh();
  }

  compares() {
    return this.task?.abilities.includes("embed");
  }

  choose(name) {
    this.task = this.tasks.find((each) => each.name === name);
    const example = EXAMPLES[this.task.kind] ?? EXAMPLES[this.task.pairs ? "pair" : "classify"];
    at("text").value = example.text;
    at("question").value = example.question ?? "";
    at("sentences").value = example.sentences ?? "";
    const label = this.task.pairs !== true ? "text" : this.task.kind.startsWith("read") ? "passage" : "second";
    document.querySelector("label[for=text]").dataset.word = label;
    document.querySelector("label[for=text]").textContent = word(label);
    at("question-field").hidden = this.task.pairs !== true;
    at("schema-field").hidden = this.task.kind !== "uie";
    for (const panel of Object.values(this.panels)) {
      panel.leave?.();
      if (!panel.alone) panel.root.replaceChildren();
    }
    this.open(this.current);
  }

  speak() {
    document.querySelectorAll("[data-word]").forEach((each) => { each.textContent = word(each.dataset.word); });
    at("language").textContent = word("other");
    at("language").lang = language() === "zh" ? "en" : "zh-CN";
    at("theme").textContent = word(`theme-${theme()}`);
    at("tabs").setAttribute("aria-label", "playmask");
  }
}

const theme = () => document.documentElement.dataset.theme ?? "auto";

function setTheme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  localStorage.setItem("theme", name);
}

function arrows(page, event) {
  const names = Object.keys(PANELS), move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!move) return;
  event.preventDefault();
  const next = names[(names.indexOf(page.current) + move + names.length) % names.length];
  page.open(next);
  at(`tab-${next}`).focus();
}

async function start() {
  setTheme(THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "auto");
  setLanguage(language());
  const page = new Page(await ask("state"));
  let pause;
  const typed = () => {
    clearTimeout(pause);
    if (page.panels[page.current].live) pause = setTimeout(() => page.refresh(), PAUSE);
  };
  at("task").replaceWith(choice("task", page.tasks.map(({ name, kind }) => [name, `${name} · ${kind}`]), page.task?.name, (name) => page.choose(name)));
  for (const id of ["text", "question", "schema", "sentences"]) at(id).addEventListener("input", typed);
  at("input").addEventListener("submit", (event) => { event.preventDefault(); page.refresh(true); });
  for (const name of Object.keys(PANELS)) at(`tab-${name}`).addEventListener("click", () => page.open(name));
  at("tabs").addEventListener("keydown", (event) => arrows(page, event));
  at("language").addEventListener("click", () => { setLanguage(language() === "zh" ? "en" : "zh"); page.speak(); page.refresh(); });
  at("theme").addEventListener("click", () => {
    setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
    page.speak();
    page.refresh();
  });
  let wide = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== wide) [wide] = [window.innerWidth, page.refresh()];
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => page.refresh());
  page.speak();
  if (page.task) page.choose(page.task.name);
  else page.open("mask");
}

start().catch((error) => {
  at("fault").hidden = false;
  at("fault").textContent = error.message;
});
