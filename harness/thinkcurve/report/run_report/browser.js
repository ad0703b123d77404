// The browser of problems: a list with a strip of verdicts, filters with their counts, and the problem that is chosen.
"use strict";
(async () => {
  const { h } = TC;
  const FIRST = 200;
  const host = document.getElementById("browser");
  const [curves, reach] = [await TC.unpack("rows"), TC.json("reach")];
  const state = { curve: 0, problem: null, sample: 0, budget: 0, filter: "all", at: null, words: "", shown: FIRST };

  const curve = () => curves[state.curve];
  // What becomes of a unit's attempt at budget b, under each filter.
  const is = (verdict) => (attempts, b) => Problem.verdictOf(attempts[b]) === verdict;
  const FILTERS = {
    all: ["all", () => true],
    flipped: ["flipped", (attempts, b) => attempts[b] && !["correct", "failed"].includes(attempts[b][0]) &&
      attempts.slice(0, b).some((one) => one && one[0] === "correct"), "right at a smaller budget, and not right later"],
    forced: ["forced", (attempts, b) => Problem.flag(attempts[b], Problem.FORCED), "the budget cut the thinking"],
    no_answer: ["no answer", is("no_answer")],
    incorrect: ["wrong", is("incorrect")],
    correct: ["right", is("correct")],
    cut_off: ["cut off", (attempts, b) => Problem.flag(attempts[b], Problem.CUT_OFF), "the answer ran into its reserve"],
    unverified: ["unverified", is("unverified")],
    failed: ["failed", is("failed")],
  };
  // The curve that this one is set against: the first other one of its task.
  const other = () => curves.find((one) => one !== curve() && one.task === curve().task);
  const share = (problem, b) => {
    const drawn = problem[6].map(([, , attempts]) => Problem.verdictOf(attempts[b])).filter((one) => one !== "none" && one !== "failed");
    return drawn.length ? drawn.filter((one) => one === "correct").length / drawn.length : NaN;
  };
  const byId = new Map();
  const partner = (problem) => {
    const one = other();
    if (!byId.has(one)) byId.set(one, new Map(one.problems.map((each) => [each[0], each])));
    return byId.get(one).get(problem[0]);
  };
  const isBeside = (sign) => (problem) => {
    const twin = partner(problem);
    return twin !== undefined && budgetsAt().some((b) => {
      const there = other().budgets.indexOf(curve().budgets[b]);
      return there >= 0 && sign * (share(problem, b) - share(twin, there)) > 0;
    });
  };
  const BESIDE = { worse: ["worse", isBeside(-1)], better: ["better", isBeside(1)] };
  const filters = () => [...Object.entries(FILTERS).map(([name, [label, , title]]) => [name, label, title]),
    ...(other() ? Object.entries(BESIDE).map(([name, [label]]) => [name, `${label} than ${brief(other().name)}`,
      "at one of these budgets, by the share of samples that are right"]) : [])];
  const brief = (name) => { const words = TC.visible(name); return words.length > 24 ? `${words.slice(0, 23)}…` : words; };
  const budgetsAt = () => (state.at === null ? curve().budgets.map((_, i) => i) : [state.at]);
  const passes = (problem, filter) => filter === "all" || filter in BESIDE ? filter === "all" || BESIDE[filter][1](problem) :
    problem[6].some(([, , attempts]) => budgetsAt().some((b) => FILTERS[filter][1](attempts, b)));
  const holds = (problem) => !state.words || [problem[0], problem[2] || "", ...(problem[3] || []).map(([, text]) => text)]
    .some((text) => text.toLowerCase().includes(state.words));
  const found = () => curve().problems.filter((problem) => passes(problem, state.filter) && holds(problem));

  function summary(problem, b) {
    const verdicts = problem[6].map(([, , attempts]) => Problem.verdictOf(attempts[b])).filter((one) => one !== "none");
    if (!verdicts.length) return "none";
    return verdicts.every((one) => one === verdicts[0]) ? verdicts[0] : verdicts.includes("correct") ? "mixed" : "incorrect";
  }

  const list = h("ul", { class: "list", "aria-label": "Problems" });
  const detail = h("div", { class: "problem" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Show" });
  const told = h("p", { class: "muted note", role: "status" });
  const at = h("select", { "aria-label": "At budget", onchange: () => { state.at = at.value === "" ? null : Number(at.value); narrow(); } });
  const search = h("input", { type: "search", placeholder: "id or question", oninput: () => { state.words = search.value.trim().toLowerCase(); narrow(); } });

  const names = curves.map((one) => TC.visible(one.name));
  let menu = null;

  function fillAt() {
    at.replaceChildren(h("option", { value: "" }, "any budget"), ...curve().budgets.map((label, i) => h("option", { value: i }, TC.visible(label))));
    at.value = state.at === null ? "" : String(state.at);
  }

  function drawChips() {
    const focused = document.activeElement && chips.contains(document.activeElement) ? document.activeElement.value : null;
    chips.replaceChildren(...filters().map(([name, label, title]) => {
      const count = curve().problems.filter((problem) => passes(problem, name)).length;
      return h("button", { type: "button", value: name, title, "aria-pressed": String(state.filter === name), disabled: !count && state.filter !== name,
        onclick: () => { state.filter = name; narrow(); } }, `${label} `, h("span", {}, count.toLocaleString("en")));
    }));
    if (focused) chips.querySelector(`[value=${focused}]`)?.focus();
  }

  function drawList() {
    const problems = found(), shown = problems.slice(0, Math.max(state.shown, problems.indexOf(state.problem) + 1));
    told.textContent = `${problems.length.toLocaleString("en")} of ${curve().problems.length.toLocaleString("en")} problems`;
    const items = shown.map((problem) => {
      const verdicts = curve().budgets.map((_, b) => summary(problem, b));
      const spoken = verdicts.map((verdict, b) => `${TC.visible(curve().budgets[b])} ${Problem.WORDS[verdict]}`).join(", ");
      const strip = verdicts.length > 10 ? verdicts.slice(-10) : verdicts;
      return h("li", {}, h("button", { type: "button", "aria-current": String(problem === state.problem), tabindex: problem === state.problem ? 0 : -1, onclick: () => choose(problem) },
        h("span", { class: "id" }, TC.text(problem[0])), h("span", { class: "strip" }, strip.map(Problem.mark)),
        h("span", { class: "visually-hidden" }, spoken)));
    });
    if (problems.length > shown.length) items.push(h("li", {}, h("button", { type: "button", class: "more",
      onclick: () => { state.shown += 5 * FIRST; drawList(); } }, `${(problems.length - shown.length).toLocaleString("en")} more`)));
    if (!items.length) items.push(h("li", { class: "muted" }, h("button", { type: "button", disabled: true }, "no such problem")));
    list.replaceChildren(...items);
    list.problems = shown;
    const current = list.querySelector("[aria-current=true]");
    if (current) list.scrollTop = current.offsetTop - list.clientHeight / 2;
  }

  // A change of what is asked for: the list anew, and its first problem where the chosen one is no longer in it.
  function narrow() {
    if (state.filter in BESIDE && !other()) state.filter = "all";
    state.shown = FIRST;
    const problems = found();
    if (!problems.includes(state.problem)) state.problem = problems[0] || null;
    if (state.at !== null) state.budget = state.at;
    drawChips();
    drawList();
    drawDetail();
  }

  function drawDetail() {
    const inside = detail.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    const scroll = detail.querySelector(".thought")?.scrollTop ?? 0;
    detail.replaceChildren(...(state.problem ? Problem.view(curve(), state.problem, state, set) : [h("p", { class: "muted" }, "No problem is chosen.")]));
    if (inside) [...detail.querySelectorAll("button,[tabindex]")].find((node) => node.getAttribute("aria-label") === inside)?.focus();
    const thought = detail.querySelector(".thought"), cut = thought?.querySelector("[aria-pressed=true]");
    if (thought) thought.scrollTop = scroll;
    if (cut && (cut.offsetTop < thought.scrollTop + thought.offsetTop || cut.offsetTop > thought.offsetTop + thought.scrollTop + thought.clientHeight - 24))
      thought.scrollTop = cut.offsetTop - thought.offsetTop - thought.clientHeight / 2;
  }

  function choose(problem) {
    state.problem = problem;
    state.sample = 0;
    for (const [i, button] of [...list.querySelectorAll("button:not(.more)")].entries()) {
      button.setAttribute("aria-current", String(list.problems[i] === problem));
      button.tabIndex = list.problems[i] === problem ? 0 : -1;
    }
    drawDetail();
    keep();
  }

  function set(change) {
    Object.assign(state, change);
    drawDetail();
    keep();
  }

  // The address names what is shown, so that it can be sent to somebody who has the file.
  function keep() {
    if (!state.problem) return;
    const words = new URLSearchParams({ problem: state.problem[0], curve: state.curve, sample: state.sample, budget: state.budget });
    try { history.replaceState(null, "", `#${words}`); } catch { /* an id that no address can hold */ }
  }

  function restore() {
    const words = new URLSearchParams(location.hash.slice(1));
    if (!words.has("problem")) return false;
    const place = (word, most) => Math.max(0, Math.min(Math.trunc(Number(words.get(word))) || 0, most));
    state.curve = place("curve", curves.length - 1);
    if (!curve()) return false;
    state.problem = curve().problems.find((problem) => problem[0] === words.get("problem")) || null;
    state.sample = place("sample", (state.problem?.[6].length ?? 1) - 1);
    state.budget = place("budget", curve().budgets.length - 1);
    return true;
  }

  function pickCurve(name) {
    if (menu) menu.querySelector("select").value = name;
    state.curve = curves.findIndex((one) => TC.visible(one.name) === name);
    state.at = null;
    state.budget = curve().budgets.length - 1;
    fillAt();
    narrow();
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || ["INPUT", "SELECT"].includes(event.target.tagName)) return;
    const inList = list.contains(event.target);
    const step = { j: 1, k: -1, ...(inList ? { ArrowDown: 1, ArrowUp: -1 } : {}) }[event.key];
    const rung = { "[": -1, "]": 1 }[event.key];
    if (rung) set({ budget: Math.max(0, Math.min(curve().budgets.length - 1, state.budget + rung)) });
    else if (step && list.problems.length) {
      const next = Math.max(0, Math.min(list.problems.length - 1, list.problems.indexOf(state.problem) + step));
      choose(list.problems[next]);
      const button = list.querySelectorAll("button")[next];
      if (inList) button.focus();
      else button.scrollIntoView({ block: "nearest" });
    } else return;
    event.preventDefault();
  }

  Report.open = (name, label) => {
    pickCurve(TC.visible(name));
    const b = curve().budgets.findIndex((one) => one === label || (one === "none" && label === "natural end"));
    if (b >= 0) { state.at = b; fillAt(); narrow(); }
    document.getElementById("problems").scrollIntoView();
  };

  const isLinked = restore();
  if (!isLinked) state.budget = Math.max(0, (curve()?.budgets.length ?? 1) - 1);
  if (!curves.length) { host.replaceChildren(h("p", { class: "muted" }, "No problem has an attempt.")); return; }
  fillAt();
  if (curves.length > 1) menu = Report.menu("Curve", names, pickCurve, names[state.curve]);
  const head = [h("div", { class: "controls" },
    menu,
    h("label", {}, "Search", search), h("label", {}, "At", at)), chips, told];
  if (reach !== null) head.push(h("p", { class: "muted note" }, "The middles of long texts are left out to keep this page small; the run has them, and report --full."));
  head.push(h("p", { class: "muted note no-print" }, h("kbd", {}, "j"), " ", h("kbd", {}, "k"), " next and previous problem, ", h("kbd", {}, "["), " ", h("kbd", {}, "]"), " smaller and larger budget"));
  host.replaceChildren(h("div", {}, head), h("div", { class: "browser" }, list, detail));
  host.addEventListener("keydown", keys);
  narrow();
  if (isLinked) document.getElementById("problems").scrollIntoView();
})();
