// The live page: asks its own server for the state of the run, once a second while somebody looks, and shows it.
"use strict";
(() => {
  const { h, s, text, format } = TC;
  const place = (id) => document.getElementById(id);
  const EVERY_MS = 1000;
  const WORDS = {
    running: ["running", ""],
    quiet: ["quiet", "unsure"],
    stopped: ["stopped", "bad"],
    failed: ["finished, some failed", "unsure"],
    finished: ["finished", "good"],
  };
  let chart = null, shown = "", lost = 0;

  const count = (value) => value.toLocaleString("en");
  const clock = (seconds) => {
    const whole = Math.round(seconds), two = (v) => String(v).padStart(2, "0");
    if (whole >= 48 * 3600) return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
    const minutes = Math.floor(whole / 60);
    return minutes >= 60 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  };
  const tile = (name, value, more, kind) =>
    h("div", { class: "tile" }, h("small", {}, name), h("b", { class: kind || "" }, value), more ? h("small", {}, more) : null);

  function state(now) {
    const [word, kind] = WORDS[now.state];
    const quiet = now.quiet_s >= 60 && !now.finished ? `nothing written for ${clock(now.quiet_s)}` : null;
    const parts = [h("span", { class: `chip ${kind}` }, word), h("span", {}, `${count(now.done)} of ${count(now.total)} attempts`)];
    if (quiet) parts.push(h("span", { class: "muted" }, quiet));
    if (now.started) parts.push(h("span", { class: "muted" }, `${now.finished ? "finished" : "begun"} ${time(now.finished || now.started)}`));
    put("state", parts);
    const share = now.total ? now.done / now.total : 0;
    place("bar").style.transform = `scaleX(${share})`;
    document.title = `${Math.floor(100 * share)} % · ${TC.visible(now.name)} · thinkcurve watch`;
  }
  const time = (iso) => new Date(iso).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });

  const soFar = (now, words) => (now.finished ? words : `${words} so far`);
  function whole(now) {
    place("accuracy").textContent = soFar(now, "Accuracy");
    place("caution").classList.toggle("hidden", Boolean(now.finished));
  }

  function tiles(now) {
    const share = now.total ? Math.floor((100 * now.done) / now.total) : 0;
    const found = [tile("done", `${share} %`, `${count(now.done)} of ${count(now.total)}`)];
    if (!now.finished) found.push(tile("left, at this pace", now.left_s === null ? "–" : clock(now.left_s), now.left_s === null || now.left_s >= 48 * 3600 ? null : now.left_s >= 3600 ? "hours:minutes:seconds" : "minutes:seconds"));
    found.push(tile("generated", now.tokens_per_s === null ? "–" : `${format("tokens", Math.round(now.tokens_per_s))} tokens/s`,
      soFar(now, `${format("tokens", now.generated_tokens)} tokens`)));
    if (now.usd_spent !== null)
      found.push(tile("paid", `${now.is_usd_whole ? "" : "over "}${format("usd", now.usd_spent)}`,
        now.max_usd === null ? null : `of ${format("usd", now.max_usd)}`));
    found.push(tile("failed", count(now.failed), null, now.failed ? "bad" : ""));
    put("tiles", found);
  }

  // A figure where what was thought is known, or the budgets are numbers.
  function curve(now) {
    const cells = now.cells.filter((cell) => cell.accuracy !== null);
    const isCounted = cells.length && cells.every((cell) => cell.thinking_tokens !== null);
    place("curve").classList.toggle("hidden", !isCounted || cells.length < 2);
    if (!isCounted || cells.length < 2) return;
    const keys = [...new Map(now.cells.map((cell) => [JSON.stringify([cell.model, cell.task]), cell])).values()];
    const several = new Set(keys.map((key) => key.model)).size > 1;
    const series = keys.map((key, slot) => ({
      name: several ? `${key.model} · ${key.task}` : key.task, slot, line: true, band: keys.length <= 4, bars: keys.length <= 6,
      points: cells.filter((cell) => cell.model === key.model && cell.task === key.task).map((cell) => ({
        x: cell.thinking_tokens, y: cell.accuracy, low: cell.ci_low, high: cell.ci_high,
        hollow: 2 * cell.forced >= cell.graded, diamond: cell.budget === null,
        tip: [["budget", cell.budget_name], [soFar(now, "accuracy"), format("percent", cell.accuracy)],
          ["95 % interval", `${format("percent", cell.ci_low)} to ${format("percent", cell.ci_high)}`],
          ["thinking tokens", format("tokens", cell.thinking_tokens)], ["problems", count(cell.n_problems)]],
      })),
    }));
    const spec = { label: `${soFar(now, "Accuracy")} against mean thinking tokens.`, series, legend: series.length > 6,
      x: { title: "mean thinking tokens an attempt, log scale", kind: "tokens", log: true }, y: { title: `${soFar(now, "accuracy")}, %`, kind: "percent" } };
    if (!chart) chart = TC.chart(place("chart"), spec);
    else if (!place("chart").matches(":hover, :focus-within")) chart.draw(spec);
  }

  const part = (done, of) => h("span", { class: "part" },
    s("svg", { viewBox: "0 0 88 8", "aria-hidden": "true" }, s("rect", { class: "of", width: 88, height: 8, rx: 4 }),
      s("rect", { class: "is", width: of ? Math.min(88, (88 * done) / of) : 0, height: 8, rx: 4 })), h("b", {}, `${count(done)} / ${count(of)}`));

  function table(now) {
    const heads = ["budget", "graded", "accuracy", "95 % interval", "thinking", "forced", "no answer", "unverified"];
    const rows = [];
    let last = null;
    for (const cell of now.cells) {
      const group = JSON.stringify([cell.model, cell.task]);
      if (group !== last) rows.push(h("tr", {}, h("td", { class: "group", colspan: heads.length }, text(cell.task), " · ", text(cell.model))));
      last = group;
      const of = cell.of;
      rows.push(h("tr", {}, [cell.budget_name, part(cell.graded, of), format("percent", cell.accuracy),
        cell.ci_low === null ? "–" : `${(100 * cell.ci_low).toFixed(1)} – ${(100 * cell.ci_high).toFixed(1)}`,
        cell.thinking_tokens === null ? "–" : format("tokens", Math.round(cell.thinking_tokens)), count(cell.forced), count(cell.no_answer), count(cell.unverified)]
        .map((value) => h("td", { class: "num" }, value))));
    }
    if (!rows.length) rows.push(h("tr", {}, h("td", { colspan: heads.length, class: "muted" }, "Nothing is graded yet.")));
    put("table", [h("table", {}, h("thead", {}, h("tr", {}, heads.map((name) => h("th", { class: "num", scope: "col" }, name)))), h("tbody", {}, rows))]);
  }

  function failures(now) {
    place("failures").classList.toggle("hidden", !now.failures.length);
    if (!now.failures.length) return;
    put("failed", [h("table", {}, h("thead", {}, h("tr", {}, ["problem", "budget", "what went wrong"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, now.failures.map((one) => h("tr", {}, h("td", {}, text(one.problem)), h("td", {}, one.budget_name), h("td", { class: "wrap" }, text(one.error)))))),
      now.failed > now.failures.length ? h("p", { class: "muted" }, `The last ${now.failures.length} of ${count(now.failed)}.`) : null]);
  }

  const put = (id, nodes) => place(id).replaceChildren(...nodes.filter(Boolean));

  function show(now) {
    state(now);
    whole(now);
    tiles(now);
    const cells = JSON.stringify([now.cells, now.failures, now.finished]);
    if (cells !== shown) { curve(now); table(now); failures(now); }
    if (!place("chart").matches(":hover, :focus-within")) shown = cells;
  }

  async function follow() {
    if (!document.hidden) {
      try {
        const answer = await fetch("state.json", { cache: "no-store" });
        const now = await answer.json();
        if (!answer.ok) throw new Error(now.error);
        lost = 0;
        show(now);
      } catch (error) {
        lost += 1;
        if (lost > 2) put("state", [h("span", { class: "chip bad" }, "not followed"), h("span", {}, "thinkcurve watch does not answer; what stands here is the last it said. "), text(error.message || "")]);
      }
    }
    setTimeout(follow, EVERY_MS * Math.min(10, 1 + lost));
  }

  TC.theme(place("theme"));
  show(TC.json("first"));
  setTimeout(follow, EVERY_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) fetch("state.json", { cache: "no-store" }).then((a) => a.json()).then((now) => now.cells && show(now)).catch(() => {}); });
})();
