// Elements of the page, and what they need besides.
export const at = (id) => document.getElementById(id);

// An element; options: properties, "class", "data-…", "aria-…", and on… for what listens.
export function element(name, options = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(options)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "class") made.className = value;
    else if (key.includes("-") || key === "for" || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

// A labelled field.
export function field(label, control) {
  return element("div", { class: "field" }, element("label", { for: control.id, textContent: label }), control);
}

// A box to choose from; choices: [value, text].
export function choice(id, choices, value, act) {
  const options = choices.map(([each, text]) => element("option", { value: each, textContent: text, selected: each === value }));
  return element("select", { id, onchange: (event) => act(event.target.value) }, options);
}

// A row of buttons of which one is pressed.
export function buttons(label, choices, value, act) {
  const all = choices.map(([each, text]) =>
    element("button", { type: "button", "aria-pressed": each === value, textContent: text, onclick: () => act(each) }));
  return element("div", { class: "choices", role: "group", "aria-label": label }, all);
}

// The characters of a text as Python counts them: offsets are of these, not of UTF-16 units.
export const characters = (text) => Array.from(text);

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// A colour of #rrggbb that covers a share of what is below it.
export function veil(name, share) {
  const [red, green, blue] = [1, 3, 5].map((place) => parseInt(colour(name).slice(place, place + 2), 16));
  return `rgb(${red} ${green} ${blue} / ${Math.min(Math.abs(share), 1).toFixed(3)})`;
}

// A list of names with bars; each: [name, share of the bar, number].
export function bars(rows, best = null) {
  return element("ul", { class: "bars" }, rows.map(([name, share, number]) => {
    const bar = element("i");
    bar.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
    return element("li", { class: name === best ? "best" : "" },
      element("span", { class: "name", textContent: name }), element("span", { class: "bar" }, bar),
      element("span", { class: "number", textContent: number }));
  }));
}

export const percent = (share) => `${(100 * share).toFixed(1)} %`;
