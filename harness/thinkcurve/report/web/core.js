// What every page of ours shares: data blocks, elements, the theme switch, figures as text. No page ever sets innerHTML.
"use strict";
const TC = (() => {
  const json = (id) => JSON.parse(document.getElementById(id).textContent);

  async function unpack(id) {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  // An element. Attributes named on* are listeners, true is an empty attribute, null and false are left out. Children
  // are nodes or text: text is never read as HTML.
  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
    return node;
  }
  const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const s = (tag, attributes, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  // Text of a user: controls and marks of direction made visible, isolated from what stands beside it.
  const visible = (value) =>
    String(value).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (c) =>
      c === "\n" || c === "\t" ? c : `[U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
  const text = (value) => h("bdi", {}, visible(value));

  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const significant = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
  const si = (value, unit) => {
    if (value === 0) return `0 ${unit}`;
    const power = Math.max(-4, Math.min(8, Math.floor(Math.log10(Math.abs(value)) / 3 + 1e-9)));
    const prefix = ["p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"][power + 4];
    return `${significant.format(value / 10 ** (3 * power))} ${prefix}${unit}`;
  };
  const dollars = (value) =>
    value >= 0.01 || value === 0
      ? `$${value.toLocaleString("en", { minimumFractionDigits: value && value < 100 ? 2 : 0, maximumFractionDigits: 2 })}`
      : `$${Number(value.toPrecision(2)).toFixed(Math.min(12, 1 - Math.floor(Math.log10(value))))}`;
  const FORMATS = {
    tokens: (v) => (v >= 100000 ? compact.format(v) : v >= 100 || Number.isInteger(v) ? grouped.format(v) : significant.format(v)),
    flops: (v) => si(v, "FLOP"),
    seconds: (v) => (v >= 100 ? `${grouped.format(v)} s` : si(v, "s")),
    joules: (v) => si(v, "J"),
    usd: dollars,
    percent: (v) => `${(v * 100).toFixed(1)} %`,
    number: (v) => significant.format(v),
  };
  const format = (kind, value) => (value === null || value === undefined ? "–" : FORMATS[kind](value));

  // The theme: the reader's own choice is kept where the browser lets us (a page opened from a file may not).
  const store = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* the page works without */ } },
  };
  function theme(button) {
    const root = document.documentElement;
    const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme:dark)").matches ? "dark" : "light")) === "dark";
    const say = () => {
      button.textContent = isDark() ? "Light" : "Dark";
      button.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
    };
    const kept = store.get("thinkcurve-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      store.set("thinkcurve-theme", root.dataset.theme);
      say();
    });
    say();
  }

  // A row of buttons of which one is pressed: {value, label}. Arrow keys go along it.
  function choice(label, options, value, choose) {
    const group = h("span", { class: "group", role: "group", "aria-label": label });
    const press = (chosen) => {
      for (const button of group.children) button.setAttribute("aria-pressed", String(button.value === chosen));
    };
    for (const option of options)
      group.append(h("button", { type: "button", value: option.value, "aria-pressed": String(option.value === value),
        onclick: () => { press(option.value); choose(option.value); } }, option.label));
    group.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const all = [...group.children];
      all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
      event.preventDefault();
    });
    group.press = press;
    return group;
  }

  return { json, unpack, h, s, text, visible, format, theme, choice, store };
})();
