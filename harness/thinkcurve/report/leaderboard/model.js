// The page of a model: its ladder on every task, on any measure of compute.
"use strict";
(() => {
  TC.theme(document.getElementById("theme"));
  const { axes, known, series } = TC.json("curves");
  const host = document.getElementById("chart"), controls = document.getElementById("controls");
  if (!known.length) { host.textContent = "No compute is known for any of its points."; return; }
  let x = known[0], scale = "log", chart = null;
  function show() {
    const { word, kind } = axes[x], k = known.indexOf(x);
    const drawn = series.map((one, i) => ({
      name: one.name, slot: i, line: true, band: series.length <= 3, bars: series.length <= 6,
      points: one.points.filter((p) => p[1] !== null && p[5 + k] !== null).map((p) => ({
        x: p[5 + k], y: p[1], low: p[2], high: p[3], hollow: p[4] > 0.5, diamond: p[0] === "none" && one.isCounted,
        tip: [["budget", p[0]], ["accuracy", TC.format("percent", p[1])],
          ["95 % interval", `${(p[2] * 100).toFixed(1)} – ${(p[3] * 100).toFixed(1)} %`], [word, TC.format(kind, p[5 + k])],
          ["forced", TC.format("percent", p[4])]],
      })),
    })).filter((one) => one.points.length);
    const spec = {
      label: `Accuracy against ${word}, ${drawn.length} ladders.`,
      x: { title: `mean ${word} of an attempt${scale === "log" ? ", log scale" : ""}`, kind, log: scale === "log" },
      y: { title: "accuracy, %" }, series: drawn, legend: drawn.length > 6,
    };
    chart = chart ? (chart.draw(spec), chart) : TC.chart(host, spec);
  }
  controls.replaceChildren(
    TC.choice("Measure of compute", known.map((one) => ({ value: one, label: axes[one].word })), x, (value) => { x = value; show(); }),
    TC.choice("Scale", [{ value: "log", label: "log" }, { value: "linear", label: "linear" }], scale, (value) => { scale = value; show(); }));
  show();
})();
