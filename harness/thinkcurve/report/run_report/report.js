// The report: panels shown one at a time, and the chart with its choice of axis.
"use strict";
const Report = (() => {
  const { h } = TC;

  // Panels that stand below each other become one, with a choice above it; print shows all again.
  // A choice of a curve or a run is a choice for every part of the page that has it.
  const all = [];
  function tabs(box) {
    const panels = [...box.children], label = box.dataset.label;
    const names = panels.map((panel) => panel.dataset.name);
    const show = (name) => panels.forEach((panel) => panel.classList.toggle("hidden", panel.dataset.name !== name));
    const choose = (name) => {
      for (const one of all) if (one.label === label && one.names.includes(name)) { one.show(name); one.press(name); }
    };
    const isWide = names.join("").length + 4 * names.length > 90;
    const control = isWide ? menu(label, names, choose)
      : TC.choice(label, names.map((name) => ({ value: name, label: name })), names[0], choose);
    const press = isWide ? (name) => { control.querySelector("select").value = name; } : control.press;
    all.push({ label, names, show, press });
    box.classList.add("live");
    box.prepend(h("div", { class: "controls" }, control));
    show(names[0]);
  }

  function menu(label, names, choose, chosen) {
    const select = h("select", { onchange: () => choose(select.value) },
      names.map((name) => h("option", { value: name, selected: name === chosen }, name.length > 60 ? `${name.slice(0, 59)}…` : name)));
    return h("label", {}, label, select);
  }

  // The chart. Its tip names the axis that is shown; a click goes to the problems of that curve and budget.
  function curves(data) {
    const missing = document.getElementById("curve-missing");
    if (!data.axes.length || !data.curves.some((one) => one.points.length)) {
      missing.textContent = "What was spent is not known, so no curve can be drawn against it. The figures are below.";
      return;
    }
    const state = { axis: data.axes[0].value, isLog: true };
    const spec = () => {
      const axis = data.axes.find((one) => one.value === state.axis);
      const undrawn = data.curves.filter((one) => !one.points.some((point) => point.costs[axis.value] !== null));
      missing.textContent = undrawn.length
        ? `Not drawn, as their ${axis.name} are not known: ${undrawn.map((one) => TC.visible(one.name)).join(", ")}.` : "";
      return {
        label: `Accuracy against ${axis.name} an attempt, ${data.curves.map((one) => TC.visible(one.name)).join("; ")}.`,
        x: { title: `mean ${axis.name} an attempt${state.isLog ? ", log scale" : ""}`, kind: axis.kind, log: state.isLog },
        y: { title: "accuracy, %" },
        legend: data.curves.length > 6,
        series: data.curves.map((one, slot) => ({
          name: one.name, slot, line: true, band: data.curves.length <= 4, bars: data.curves.length <= 6,
          points: one.points.filter((point) => point.costs[axis.value] !== null).map((point) => ({
            x: point.costs[axis.value], y: point.y, low: point.low, high: point.high, hollow: point.hollow, diamond: point.diamond,
            tip: [[axis.name, TC.format(axis.kind, point.costs[axis.value])], ...point.tip],
            go: () => Report.open(one.name, point.tip[0][1]),
          })),
        })),
      };
    };
    const drawn = TC.chart(document.getElementById("curve-chart"), spec());
    document.getElementById("curve-controls").append(
      TC.choice("Axis", data.axes.map((one) => ({ value: one.value, label: one.name })), state.axis,
        (axis) => { state.axis = axis; drawn.draw(spec()); }),
      TC.choice("Scale", [{ value: "log", label: "log" }, { value: "linear", label: "linear" }], "log",
        (scale) => { state.isLog = scale === "log"; drawn.draw(spec()); }));
  }

  function start() {
    TC.theme(document.getElementById("theme"));
    document.querySelectorAll(".tabs").forEach(tabs);
    curves(TC.json("chart"));
  }
  start();
  return { menu, open: () => {} };
})();
