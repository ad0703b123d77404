// The table of a leaderboard: columns to choose, sorted by any of them. Everything in a cell is put there as text.
TC.boardTable = (site, on) => {
  const { h, s } = TC;
  const LONGEST = 80;
  const number = (value) => (value === null || value === undefined ? -Infinity : value);
  const size = (n) => (n === null ? "–" : n >= 1e9 ? `${+(n / 1e9).toPrecision(3)}B` : n >= 1e6 ? `${+(n / 1e6).toPrecision(3)}M` : `${Math.round(n / 1e3)}k`);
  const range = (low, high) => (low === high ? `${low}` : `${low}–${high}`);

  // key: [heading, by (for sorting), cell, is a number, is shown at first]. Largest first where `down`.
  const COLUMNS = {
    rank: { head: "rank", by: (r) => (r.standing ? -r.standing.order : -Infinity), num: true, fixed: true, down: true,
      cell: (r) => (r.standing ? range(r.standing.low, r.standing.high) : "–") },
    model: { head: "model", by: (r) => r.e.label.toLowerCase(), fixed: true, cell: (r) => name(r) },
    accuracy: { head: (c) => `accuracy at ${c.allowance === null ? "–" : TC.format(c.kind, c.allowance)}${c.kind === "tokens" ? ` ${c.word}` : ""}`, by: (r) => number(r.standing && r.standing.accuracy), fixed: true, down: true,
      cell: (r) => (r.standing ? [whisker(r.standing), h("span", { class: "beside" }, TC.format("percent", r.standing.accuracy))] : "–"), num: true },
    interval: { head: "95 % interval", by: (r) => number(r.standing && r.standing.ciLow), num: true, down: true, shown: true,
      cell: (r) => (r.standing ? `${(r.standing.ciLow * 100).toFixed(1)} – ${(r.standing.ciHigh * 100).toFixed(1)}` : "–") },
    cost: { head: "cost", by: (r) => number(r.standing && r.standing.cost), num: true, cell: (r, c) => TC.format(c.kind, r.standing && r.standing.cost) },
    top: { head: "accuracy, largest budget", by: (r) => number(r.top && r.top.y), num: true, down: true, shown: true, cell: (r) => TC.format("percent", r.top && r.top.y) },
    topcost: { head: (c) => `${c.word}, largest budget`, by: (r) => number(r.topCost), num: true, shown: true, cell: (r, c) => TC.format(c.kind, r.topCost) },
    size: { head: "parameters", by: (r) => number(r.e.size), num: true, down: true, shown: true, cell: (r) => size(r.e.size) },
    problems: { head: "problems × samples", by: (r) => r.e.problems, num: true, down: true, shown: true, cell: (r) => `${r.e.problems.toLocaleString("en")} × ${r.e.samples}` },
    control: { head: "control", by: (r) => r.e.control, cell: (r) => TC.text(r.e.control) },
    engine: { head: "engine", by: (r) => r.e.engine.toLowerCase(), cell: (r) => TC.text(r.e.engine || "–") },
    run: { head: "run", by: (r) => r.e.run.toLowerCase(), cell: (r) => TC.text(r.e.run) },
    date: { head: "date", by: (r) => r.e.started, num: true, down: true, cell: (r) => TC.text(r.e.started.slice(0, 10) || "–") },
  };

  const head = h("tr", {}), body = h("tbody", {});
  const node = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Ranking" },
    h("table", { class: "board" }, h("thead", {}, head), body));
  const chosen = (cols) => Object.keys(COLUMNS).filter((key) => COLUMNS[key].fixed || (cols ? cols.includes(key) : COLUMNS[key].shown));

  function name(row) {
    const model = site.models[row.e.model];
    const notes = row.e.notes.length ? h("a", { class: "flag unsure", href: `${site.root}${model.href}#${row.e.key}`,
      title: row.e.notes.map(TC.visible).join("; ") }, " *", h("span", { class: "visually-hidden" }, TC.visible(row.e.notes.join("; ")))) : null;
    const label = TC.visible(row.e.label);
    const shown = label.length > LONGEST ? `${label.slice(0, LONGEST - 1)}…` : label;
    return [h("a", { href: site.root + model.href, title: shown === label ? null : label.slice(0, 500) }, TC.text(shown)), notes];
  }

  function whisker(one) {
    const x = (v) => (v * 90 + 5).toFixed(1);
    return s("svg", { class: "whisker", viewBox: "0 0 100 12", "aria-hidden": "true" },
      s("line", { class: "rail", x1: 5, x2: 95, y1: 6, y2: 6 }),
      s("line", { class: "span", x1: x(one.ciLow), x2: x(one.ciHigh), y1: 6, y2: 6 }),
      s("circle", { class: "mark", cx: x(one.accuracy), cy: 6, r: 3.5 }));
  }

  function pin(row, context) {
    const slot = context.slots.get(row.key);
    return h("td", { class: "pin" }, h("button", { type: "button", class: slot === undefined ? "swatch off" : `swatch s${slot % 8}`,
      "aria-pressed": String(context.pins.includes(row.key)), "aria-label": `Highlight ${TC.visible(row.e.label)} in the figure`, onclick: () => on.pin(row.key) }));
  }

  function sorted(rows, sort) {
    const [key, way] = sort.split(":");
    const column = Object.hasOwn(COLUMNS, key) ? COLUMNS[key] : COLUMNS.rank;
    const sign = (column.down ? -1 : 1) * (way === "up" ? -1 : 1);
    return [...rows].sort((a, b) => {
      const x = column.by(a), y = column.by(b);
      if (x === -Infinity || y === -Infinity) return x === y ? order(a, b) : x === -Infinity ? 1 : -1;
      return x < y ? -sign : x > y ? sign : order(a, b);
    });
  }
  const order = (a, b) => (a.standing ? a.standing.order : 1e9) - (b.standing ? b.standing.order : 1e9) || (a.e.label < b.e.label ? -1 : 1);

  function draw(rows, context) {
    const keys = chosen(context.cols), [by, way] = context.sort.split(":");
    head.replaceChildren(h("td", { class: "pin" }), ...keys.map((key) => {
      const column = COLUMNS[key], isDown = Boolean(column.down) !== (way === "up");
      // The first rank is the smallest number, so that its order is called ascending.
      const ariaSort = by !== key ? null : (key === "rank" ? !isDown : isDown) ? "descending" : "ascending";
      const label = typeof column.head === "function" ? column.head(context) : column.head;
      return h("th", { scope: "col", class: key === "rank" ? "num rank" : column.num ? "num" : null, "aria-sort": ariaSort },
        h("button", { type: "button", onclick: () => on.sort(by === key && way !== "up" ? `${key}:up` : key) }, label));
    }));
    body.replaceChildren(...rows.map((row) => h("tr", { id: `e-${row.key}` }, pin(row, context), ...keys.map((key) => {
      const column = COLUMNS[key], cell = column.cell(row, context);
      return h(key === "model" ? "th" : "td", { class: column.num ? "num" : key === "model" ? "model" : null, scope: key === "model" ? "row" : null }, cell);
    }))));
    if (!rows.length) body.append(h("tr", {}, h("td", { colspan: keys.length + 1, class: "muted" }, "Nothing is left by these filters.")));
  }

  function chooser(cols) {
    const on_ = new Set(chosen(cols));
    const boxes = Object.entries(COLUMNS).filter(([, column]) => !column.fixed).map(([key, column]) =>
      h("label", {}, h("input", { type: "checkbox", checked: on_.has(key), onchange: (event) => {
        event.target.checked ? on_.add(key) : on_.delete(key);
        on.columns(Object.keys(COLUMNS).filter((one) => on_.has(one) && !COLUMNS[one].fixed));
      } }), key === "topcost" ? "compute, largest budget" : typeof column.head === "string" ? column.head : key));
    return h("details", { class: "columns" }, h("summary", {}, "Columns"), h("div", {}, boxes));
  }

  return { node, sorted, draw, chooser };
};
