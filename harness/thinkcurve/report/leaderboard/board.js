// One task of a leaderboard: figure, ranking at equal compute, filters; all that a reader chose stands in the address.
//
// TC.board(host, site, read): site = {axes, models, boards}, read(i) gives a board (a promise), as page.py writes them.
TC.board = async (host, site, read) => {
  const { h } = TC;
  const COLOURED = 7;
  const asked = new URLSearchParams(location.hash.slice(1));
  const state = {
    task: asked.get("task"), x: asked.get("x"), at: Number(asked.get("at")) || null,
    scale: asked.get("scale") === "linear" ? "linear" : "log", q: asked.get("q") || "", control: asked.get("control") || "",
    front: asked.get("front") === "1", pins: (asked.get("pin") || "").split(",").filter(Boolean),
    sort: asked.get("sort") || "rank", cols: asked.has("cols") ? asked.get("cols").split(",").filter(Boolean) : null,
  };
  let board = null, drawn = null;

  const place = Math.max(0, site.boards.findIndex((one) => one.slug === state.task));
  const chartHost = h("div", {});
  const controls = h("div", { class: "controls" });
  const narrowing = h("div", { class: "controls" });
  const told = h("p", { class: "muted", role: "status" });
  const notes = h("div", {});
  const table = TC.boardTable(site, {
    sort: (key) => { state.sort = key; show(); },
    pin: (key) => {
      state.pins = state.pins.includes(key) ? state.pins.filter((one) => one !== key) : [...state.pins, key];
      show();
    },
    columns: (cols) => { state.cols = cols; show(); },
  });
  host.replaceChildren(controls, chartHost, h("h2", {}, "Ranking at equal compute"), narrowing, told, table.node, notes);

  const axis = () => site.axes[state.x];
  const ranking = () => {
    const all = board.ranks[state.x] || [];
    return all.find((one) => one.at === state.at) || all[Math.floor(all.length / 2)] || null;
  };

  // Which points no other beats: costs no more and is no less accurate, and better in one (as analysis/frontiers does).
  function frontOf(entries) {
    const k = board.axes.indexOf(state.x);
    const points = entries.flatMap((e) => e.points.filter((p) => p.costs[k] !== null && p.y !== null).map((p) => ({ e, x: p.costs[k], y: p.y })));
    points.sort((a, b) => a.x - b.x || b.y - a.y);
    const steps = [], on = new Set();
    let best = -1, bestX = null;
    for (const p of points) {
      if (p.y > best + 1e-12) { steps.push([p.x, p.y]); best = p.y; bestX = p.x; on.add(p.e); }
      else if (p.y >= best - 1e-12 && p.x === bestX) on.add(p.e);
    }
    return { steps, on };
  }

  function rows() {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const found = ranking();
    const standing = new Map((found ? found.standings : []).map((one, order) => [one.entry, { ...one, order }]));
    const k = board.axes.indexOf(state.x);
    let all = board.entries.map((e, i) => {
      const known = e.points.filter((p) => p.y !== null);
      return { e, key: e.key, standing: standing.get(i) || null, top: known.at(-1) || null, topCost: known.length ? known.at(-1).costs[k] : null };
    });
    all = all.filter((row) => words.every((word) => row.e.search.includes(word)) && (!state.control || row.e.control === state.control));
    const front = frontOf(all.map((row) => row.e));
    if (state.front) all = all.filter((row) => front.on.has(row.e));
    return { all, front, found };
  }

  function colours(sorted) {
    const slots = new Map();
    for (const key of state.pins) if (sorted.some((row) => row.key === key)) slots.set(key, slots.size);
    if (!state.pins.length) for (const row of sorted.slice(0, COLOURED)) slots.set(row.key, slots.size);
    return slots;
  }

  function figure(sorted, slots, front) {
    const k = board.axes.indexOf(state.x), { word, kind } = axis();
    const series = sorted.map((row) => {
      const slot = slots.get(row.key);
      const isFaint = slot === undefined;
      return {
        name: row.e.label, slot: isFaint ? 7 : slot, line: true, band: slots.size <= 3 && !isFaint, bars: !isFaint && slots.size <= 4,
        faint: isFaint, named: !isFaint,
        points: row.e.points.filter((p) => p.y !== null && p.costs[k] !== null).map((p) => ({
          x: p.costs[k], y: p.y, low: p.low, high: p.high, small: isFaint, hollow: p.forced > 0.5, diamond: p.natural,
          tip: [["budget", p.budget], ["accuracy", TC.format("percent", p.y)],
            ["95 % interval", `${(p.low * 100).toFixed(1)} – ${(p.high * 100).toFixed(1)} %`], [word, TC.format(kind, p.costs[k])],
            ["problems × samples", `${p.problems} × ${p.samples}`], ["forced", TC.format("percent", p.forced)]],
          go: () => { location.href = site.root + site.models[row.e.model].href; },
        })),
      };
    }).filter((one) => one.points.length);
    series.sort((a, b) => Number(b.faint) - Number(a.faint));
    const spec = {
      label: `Accuracy on ${TC.visible(board.title)} against ${word}, ${series.length} ladders.`,
      x: { title: `mean ${word} of an attempt${state.scale === "log" ? ", log scale" : ""}`, kind, log: state.scale === "log" },
      y: { title: "accuracy, %" }, series, front: state.front ? front.steps : null, legend: false,
    };
    drawn = drawn ? (drawn.draw(spec), drawn) : TC.chart(chartHost, spec);
  }

  function show() {
    const { all, front, found } = rows();
    const { word, kind } = axis() || { word: "compute", kind: "number" };
    const sorted = table.sorted(all, state.sort);
    const slots = colours(state.sort === "rank" ? sorted : table.sorted(all, "rank"));
    if (axis()) figure(sorted, slots, front);
    table.draw(sorted, { sort: state.sort, cols: state.cols, slots, pins: state.pins, word, kind, allowance: found ? found.at : null });
    const out = found && found.out ? ` ${found.out} ${found.out === 1 ? "begins above it and takes" : "begin above it and take"} no part.` : "";
    told.textContent = found
      ? `${sorted.length} of ${board.entries.length} shown, each given at most ${TC.format(kind, found.at)}${kind === "tokens" ? ` ${word}` : ""} an attempt.${out} ` +
        "Models share a range of ranks where the problems that both answered do not tell them apart."
      : `${sorted.length} of ${board.entries.length} shown. No compute is known for any, so none is ranked.`;
    keep();
  }

  function keep() {
    const found = ranking(), kept = new URLSearchParams();
    if (site.boards.length > 1 || state.task) kept.set("task", board.slug);
    if (state.x !== board.axes[0]) kept.set("x", state.x);
    if (found && state.at) kept.set("at", found.at);
    if (state.scale !== "log") kept.set("scale", state.scale);
    if (state.q) kept.set("q", state.q);
    if (state.control) kept.set("control", state.control);
    if (state.front) kept.set("front", "1");
    if (state.pins.length) kept.set("pin", state.pins.join(","));
    if (state.sort !== "rank") kept.set("sort", state.sort);
    if (state.cols) kept.set("cols", state.cols.join(","));
    if (kept.size === (kept.has("task") ? 1 : 0) && board === first) kept.delete("task");
    history.replaceState(null, "", kept.size ? `#${kept}` : location.pathname);
  }
  let first = null;

  function choices() {
    const select = site.boards.length > 1 ? h("label", {}, "Task ", h("select", { onchange: (event) => open(Number(event.target.value)) },
      site.boards.map((one, i) => h("option", { value: i, selected: one.slug === board.slug }, TC.visible(one.title))))) : null;
    controls.replaceChildren(...[select,
      state.x && TC.choice("Measure of compute", board.axes.map((one) => ({ value: one, label: site.axes[one].word })), state.x,
        (value) => { state.x = value; state.at = null; choices(); show(); }),
      TC.choice("Scale", [{ value: "log", label: "log" }, { value: "linear", label: "linear" }], state.scale,
        (value) => { state.scale = value; show(); }),
      h("button", { type: "button", "aria-pressed": String(state.front), onclick: (event) => {
        state.front = !state.front;
        event.target.setAttribute("aria-pressed", String(state.front));
        show();
      } }, "Pareto front only")].filter(Boolean));
    const ranks = board.ranks[state.x] || [], found = ranking();
    const all = [...new Set(board.entries.map((e) => e.control))];
    narrowing.replaceChildren(...[
      found && h("span", { class: "at" }, "at most ", TC.choice("Compute that all are given", ranks.map((one) => ({ value: String(one.at), label: TC.format(axis().kind, one.at) })),
        String(found.at), (value) => { state.at = Number(value); show(); }), axis().kind === "tokens" ? ` ${axis().word}` : ""),
      h("input", { type: "search", "aria-label": "Filter by model, engine or run", placeholder: "Filter", value: state.q,
        oninput: (event) => { state.q = event.target.value; show(); } }),
      all.length > 1 ? h("label", {}, "Control ", h("select", { onchange: (event) => { state.control = event.target.value; show(); } },
        h("option", { value: "" }, "all"), all.map((one) => h("option", { value: one, selected: one === state.control }, TC.visible(one))))) : null,
      table.chooser(state.cols)].filter(Boolean));
  }

  async function open(i) {
    const next = await read(i);
    for (const e of next.entries) e.search = [e.label, e.engine, e.run, e.provider, e.control].join(" ").toLowerCase();
    board = next;
    first ||= board;
    if (drawn) state.task = board.slug;
    state.pins = state.pins.filter((key) => board.entries.some((e) => e.key === key));
    if (!board.axes.includes(state.x)) state.x = board.axes[0] || null;
    if (!(board.ranks[state.x] || []).some((one) => one.at === state.at)) state.at = null;
    notes.replaceChildren(...board.notes.map((note) => h("p", { class: "muted" }, TC.text(note))));
    choices();
    show();
  }
  await open(place);
  if (place) first = null;
};
