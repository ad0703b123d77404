// One problem of the report: its question, its thinking with the cut of every budget, its answers along the ladder.
// What a model wrote is put on the page as text (TC.text), never as HTML. Places are counted in code points, as Python does.
"use strict";
const Problem = (() => {
  const { h } = TC;
  const FORCED = 1, CUT_OFF = 2, SHARED = 4, ESTIMATED = 8;
  const MARKS = { correct: "✓", incorrect: "×", no_answer: "∅", unverified: "?", failed: "!", mixed: "◐", none: "–" };
  const WORDS = { correct: "correct", incorrect: "wrong", no_answer: "no answer", unverified: "unverified", failed: "failed",
    mixed: "some samples correct", none: "no attempt" };
  const ENDS = { closed: "The model closed its thinking here.", eos: "The model ended its turn here, without closing its thinking.",
    budget: "The largest budget was reached here.", context: "The context was full here." };
  const SHOWN = { summary: "The provider shows a summary of the thinking, not the thinking.",
    encrypted: "The provider sent the thinking encrypted.", hidden: "The provider does not show the thinking." };

  const verdictOf = (attempt) => (attempt ? attempt[0] : "none");
  const flag = (attempt, which) => Boolean(attempt && attempt[0] !== "failed" && attempt[1] & which);
  const mark = (verdict) => h("span", { class: `mark v-${verdict}`, "aria-hidden": "true", title: WORDS[verdict] }, MARKS[verdict]);
  const chip = (verdict) => h("span", {}, mark(verdict), ` ${WORDS[verdict]}`);
  const n = (value, one, many) => `${value.toLocaleString("en")} ${value === 1 ? one : many}`;

  // Pieces of a text as nodes; `at` are places with something to stand there, `from` where the rest is shown faint.
  function passage(pieces, length, at, from) {
    const nodes = [];
    let done = 0;
    const gap = (missing) => { if (missing > 0) nodes.push(h("span", { class: "gap" }, `… ${n(missing, "character", "characters")} left out …`)); };
    const put = (chars, start) => {
      const split = Math.min(chars.length, Math.max(0, from - start));
      if (split) nodes.push(TC.text(chars.slice(0, split).join("")));
      if (split < chars.length) nodes.push(h("span", { class: "past" }, TC.text(chars.slice(split).join(""))));
    };
    const marks = [...at].sort((a, b) => a.place - b.place);
    for (const [start, text] of pieces) {
      const chars = [...text], end = start + chars.length;
      while (marks.length && marks[0].place < start) nodes.push(marks.shift().node);
      gap(start - done);
      let here = start;
      while (marks.length && marks[0].place <= end) {
        const one = marks.shift();
        put(chars.slice(here - start, one.place - start), here);
        nodes.push(one.node);
        here = one.place;
      }
      put(chars.slice(here - start), here);
      done = end;
    }
    gap(length - done);
    return nodes.concat(marks.map((one) => one.node));
  }

  const whole = (pieces) => pieces.reduce((sum, [start, text]) => Math.max(sum, start + [...text].length), 0);

  function thinking(unit, at, budgets, choose) {
    const [, traces, attempts] = unit;
    const chosen = attempts[at];
    const place = chosen && chosen[0] !== "failed" && chosen[2] !== null ? chosen[2] : traces.length === 1 ? 0 : null;
    if (place === null || !traces[place]) return [h("p", { class: "muted" }, "No thinking is recorded for this attempt.")];
    const [tokens, length, pieces, ending, visibility] = traces[place];
    const cuts = new Map();
    attempts.forEach((attempt, i) => {
      if (!attempt || attempt[0] === "failed" || attempt[2] !== place || attempt[3] === null) return;
      const one = cuts.get(attempt[3]) || { place: attempt[3], labels: [], budgets: [], isEstimated: false };
      one.labels.push(TC.visible(budgets[i]));
      one.budgets.push(i);
      one.isEstimated ||= flag(attempt, ESTIMATED);
      cuts.set(attempt[3], one);
    });
    const marks = [...cuts.values()].map((one) => {
      const label = `${one.isEstimated ? "≈ " : ""}${one.labels.length > 1 ? `${one.labels[0]} – ${one.labels.at(-1)}` : one.labels[0]}`;
      return { place: one.place, node: h("button", { type: "button", class: `cut s${one.budgets[0] % 4}`,
        "aria-pressed": String(one.budgets.includes(at)), "aria-label": `Cut of budget ${label}`, title: `budget ${one.labels.join(", ")}`,
        onclick: () => choose(one.budgets[0]) }, `✂ ${label}`) };
    });
    const from = chosen && chosen[0] !== "failed" && chosen[3] !== null ? chosen[3] : Infinity;
    const isEstimated = [...cuts.values()].some((one) => one.isEstimated);
    const remarks = [
      tokens === null ? "" : n(tokens, "token", "tokens"), SHOWN[visibility] || "",
      isEstimated ? "Cuts are made on tokens; ≈ is about where that is in the text." : "",
    ].filter(Boolean).join(" · ");
    return [
      h("h4", {}, "Thinking"),
      h("div", { class: "quote thought", tabindex: "0", role: "region", "aria-label": "Thinking" },
        length ? passage(pieces, length, marks, from) : marks.map((one) => one.node),
        length ? null : h("span", { class: "gap" }, "nothing"), length && !pieces.length ? h("span", { class: "gap" }, "not shown") : null),
      h("p", { class: "meta" }, [ENDS[ending] && length && visibility === "full" ? `${ENDS[ending]} ` : "", remarks]),
    ];
  }

  function remarks(attempt) {
    if (!attempt) return "";
    if (attempt[0] === "failed") return `at ${attempt[1]}: ${attempt[2]}`;
    return [flag(attempt, FORCED) && "forced", flag(attempt, CUT_OFF) && "answer cut off", flag(attempt, SHARED) && "same answer, shared",
      attempt[0] !== "correct" && attempt[8] && attempt[8] !== "wrong" ? attempt[8] : false].filter(Boolean).join(", ");
  }

  function ladder(unit, at, budgets, choose) {
    const rows = unit[2].map((attempt, i) => h("tr", { "aria-current": i === at ? "true" : null },
      h("th", { scope: "row" }, h("button", { type: "button", "aria-pressed": String(i === at), onclick: () => choose(i),
        "aria-label": `Budget ${TC.visible(budgets[i])}` }, TC.visible(budgets[i]))),
      h("td", { class: "verdict" }, chip(verdictOf(attempt))),
      h("td", { class: "num" }, attempt && attempt[0] !== "failed" && attempt[4] !== null ? attempt[4].toLocaleString("en") : "–"),
      h("td", { class: "extracted" }, attempt && attempt[0] !== "failed" && attempt[7] !== null ? TC.text(attempt[7]) : "–"),
      h("td", { class: "flag" }, TC.text(remarks(attempt)))));
    return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Answers along the ladder" }, h("table", { class: "rungs" },
      h("thead", {}, h("tr", {}, ["budget", "verdict", "thought", "answer read", ""].map((name, i) =>
        h("th", { scope: "col", class: i === 2 ? "num" : null }, name)))), h("tbody", {}, rows)));
  }

  function answer(unit, at, budgets, isPrivate) {
    let from = at;
    while (from >= 0 && (!unit[2][from] || unit[2][from][5] === 0 || unit[2][from][0] === "failed")) from--;
    const attempt = unit[2][at];
    if (!attempt || attempt[0] === "failed") return [];
    const pieces = from >= 0 ? unit[2][from][5] : [], length = attempt[6];
    const how = attempt[9] ? `read by ${attempt[9]}` : "";
    return [h("h4", {}, `Answer at budget ${TC.visible(budgets[at])}`),
      h("div", { class: "quote said", tabindex: "0", role: "region", "aria-label": "Answer" },
        isPrivate ? h("span", { class: "gap" }, "not shown") : length ? passage(pieces, length, [], Infinity) : h("span", { class: "gap" }, "nothing")),
      h("p", { class: "meta" }, TC.text([attempt[10] === null ? "" : n(attempt[10], "token", "tokens"), how].filter(Boolean).join(" · ")))];
  }

  // The whole: `state` has the places of sample and budget, `set` takes new ones.
  function view(curve, problem, state, set) {
    const [id, level, group, question, gold, isPrivate, units] = problem;
    const unit = units[Math.min(state.sample, units.length - 1)];
    const facts = [level === null ? "" : `level ${level}`, group === null ? "" : group, n(units.length, "sample", "samples")].filter(Boolean);
    const parts = [h("h3", {}, TC.text(id)), h("p", { class: "meta" }, TC.text(facts.join(" · ")))];
    if (question) parts.push(h("div", { class: "quote" }, passage(question, whole(question), [], Infinity)));
    else parts.push(h("p", { class: "meta" }, isPrivate ? "Its authors ask not to show this problem; nor are thinking and answers shown."
      : "This run keeps no table of its questions."));
    if (gold !== null) parts.push(h("p", {}, h("span", { class: "muted" }, "Gold answer: "), h("strong", {}, TC.text(gold))));
    if (units.length > 1) parts.push(h("div", { class: "controls" }, units.length > 12
      ? Report.menu("Sample", units.map((one) => String(one[0])), (value) => set({ sample: units.findIndex((one) => String(one[0]) === value) }), String(unit[0]))
      : TC.choice("Sample", units.map((one, i) => ({ value: String(i), label: `sample ${one[0]}` })), String(units.indexOf(unit)),
        (value) => set({ sample: Number(value) }))));
    const choose = (budget) => set({ budget });
    parts.push(...thinking(unit, state.budget, curve.budgets, choose), h("h4", {}, "Answers along the ladder"),
      ladder(unit, state.budget, curve.budgets, choose), ...answer(unit, state.budget, curve.budgets, isPrivate));
    return parts;
  }

  return { view, mark, verdictOf, flag, FORCED, CUT_OFF, WORDS };
})();
