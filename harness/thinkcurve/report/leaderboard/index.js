// The first page, and that of a task: the theme, the board, and what stands across all tasks.
"use strict";
TC.expand = (packed) => ({
  ...packed,
  entries: packed.entries.map((e) => ({
    ...e,
    points: e.points.map(([budget, y, low, high, forced, natural, problems, samples, ...costs]) =>
      ({ budget, y, low, high, forced, natural: Boolean(natural), problems, samples, costs })),
  })),
  ranks: Object.fromEntries(Object.entries(packed.ranks).map(([axis, all]) => [axis, all.map((one) => ({
    at: one.at, out: one.out,
    standings: one.standings.map(([entry, low, high, accuracy, ciLow, ciHigh, cost]) => ({ entry, low, high, accuracy, ciLow, ciHigh, cost })),
  }))])),
});

TC.matrix = (host, matrix, site) => {
  const { h } = TC;
  const HEAD = 14, NAME = 48;
  const WHY = [null, "Under half of the problems that others took: too little for a place.",
    "Its 95 % interval is wider than 40 points: too little for a place."];
  const short = (name, most = HEAD) => { const v = TC.visible(name); return v.length > most ? `${v.slice(0, most - 1)}…` : v; };
  const heads = matrix.boards.map((i, k) => h("th", { scope: "col", class: "num", title: TC.visible(site.boards[i].title) },
    h("a", { href: site.root + site.boards[i].href }, TC.text(short(site.boards[i].title))),
    h("small", {}, matrix.at[k] === null ? "" : `at ${TC.format(matrix.kind, matrix.at[k])}`)));
  const rows = matrix.rows.map(([model, first, told, cells]) => h("tr", {},
    h("th", { scope: "row", class: "model" }, h("a", { href: site.root + site.models[model].href }, TC.text(short(site.models[model].title, NAME)))),
    h("td", { class: "num" }, told ? `${first} of ${told}` : "–"),
    cells.map((cell) => cell === null ? h("td", { class: "num muted" }, "–")
      : h("td", { class: cell[2] ? "num muted" : cell[1] === 1 ? "num lead" : "num", title: WHY[cell[2]] },
        (cell[0] * 100).toFixed(1), cell[2] ? h("small", {}, "too little data") : null))));
  host.replaceChildren(h("table", { class: "matrix" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "model"), h("th", { scope: "col", class: "num" }, "may be first"), heads)),
    h("tbody", {}, rows)));
};

(async () => {
  const done = () => { performance.mark("whole"); document.documentElement.dataset.ready = "all"; };
  TC.theme(document.getElementById("theme"));
  const site = TC.json("site");
  await TC.board(document.getElementById("board"), site, async (i) => TC.expand(await TC.unpack(`board-${i}`)));
  document.documentElement.dataset.ready = "board";
  addEventListener("hashchange", () => { if (location.hash.includes("=")) location.reload(); });
  const across = document.getElementById("across");
  if (across) {
    const matrix = await TC.unpack("matrix");
    setTimeout(() => { TC.matrix(across, matrix, site); done(); });
  } else done();
})();
