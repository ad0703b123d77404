// The chart of every page: series of points with intervals over a logarithmic or linear axis, hover and keys.
//
// TC.chart(host, spec): spec = {
//   label,                                   what it shows, in words, for those who cannot see it
//   x: {title, kind, log}, y: {title, kind, top},   kind: a format of TC.format
//   series: [{name, slot, points: [{x, y, low, high, hollow, diamond, tip: [[name, value], ...], go}], line, band, faint,
//             named}],                       named: false keeps its name off the end of its line
//   front: [[x, y], ...],                    a Pareto front, drawn as steps
//   legend: bool }                           names below that switch series off; else names stand where lines end
// It returns {draw(spec)}. A point's `go` is called on click and Enter. Names and tips are put on the page as text.
TC.chart = (host, first) => {
  const { h, s } = TC;
  const PAD = { left: 50, right: 16, top: 30, bottom: 44 };
  const off = new Set();
  let spec = first, at = null, places = [], groups = new Map();
  const tip = h("div", { class: "tip hidden", role: "status" });
  const frame = h("div", { class: "chart" });
  host.replaceChildren(frame, tip);
  host.classList.add("chart");

  const forward = (constant) => (v) => (constant === null ? Math.log2(v) : Math.log1p(v / constant));

  function scaleX(values, width) {
    const known = values.filter(Number.isFinite);
    const positive = known.filter((v) => v > 0);
    const kind = spec.x.kind;
    if (!spec.x.log || !positive.length) {
      const high = Math.max(1e-12, ...known) * 1.04;
      const step = round(high / Math.max(2, width / 90));
      const ticks = [];
      for (let v = 0; v <= high; v += step) ticks.push(v);
      return { to: (v) => (v / high) * width, ticks };
    }
    let low = Math.min(...positive), high = Math.max(...positive);
    if (high / low < 2) { const middle = Math.sqrt(low * high); low = middle / Math.SQRT2; high = middle * Math.SQRT2; }
    const constant = positive.length < known.length ? low : null;
    const f = forward(constant);
    const start = constant === null ? f(low) : 0;
    const pad = (f(high) - start) * 0.03;
    const to = (v) => ((f(v) - start + pad) / (f(high) - start + 2 * pad)) * width;
    let ticks = [];
    const base = kind === "tokens" ? 2 : 10;
    for (let e = Math.floor(Math.log(low) / Math.log(base)); base ** e <= high * 1.0001; e++)
      for (const m of base === 2 ? [1] : [1, 2, 5]) if (m * base ** e >= low * 0.999 && m * base ** e <= high * 1.001) ticks.push(m * base ** e);
    if (constant !== null) ticks.unshift(0);
    const room = 58;
    while (ticks.length > 2 && (to(ticks.at(-1)) - to(ticks[0])) / (ticks.length - 1) < room)
      ticks = ticks.filter((_, i) => i % 2 === 0);
    const apart = [];
    for (const t of ticks) if (!apart.length || to(t) - to(apart.at(-1)) >= room * 0.7) apart.push(t);
    return { to, ticks: apart };
  }
  const round = (rough) => {
    const power = 10 ** Math.floor(Math.log10(rough));
    return power * [1, 2, 5, 10].find((m) => m * power >= rough * 0.999);
  };

  const isEnding = (one) => one.named !== false;
  const shown = () => spec.series.filter((one) => !off.has(one.name));

  function draw(next) {
    if (next) { spec = next; at = null; tip.classList.add("hidden"); }
    const total = Math.max(320, host.clientWidth || 720);
    const lines = shown();
    const isNamed = !spec.legend && spec.series.length > 1 && total >= 560;
    const longest = Math.max(0, ...spec.series.filter(isEnding).map((one) => TC.visible(one.name).length));
    const names = isNamed ? Math.min(total >= 900 ? 260 : 200, 30 + 7.4 * longest) : 0;
    const width = total - PAD.left - PAD.right - names;
    const height = Math.min(420, Math.max(240, Math.round(width * 0.46)));
    const points = lines.flatMap((one) => one.points);
    const x = scaleX(points.map((p) => p.x), width);
    const highest = Math.max(0, ...points.map((p) => Math.max(p.y, p.high ?? p.y)));
    const top = spec.y.top ?? (highest > 0.6 ? 1 : Math.max(0.05, Math.ceil(highest * 10 - 1e-9) / 10));
    const y = (v) => height - (Math.max(0, Math.min(v, top)) / top) * height;
    const svg = s("svg", { viewBox: `0 0 ${total} ${height + PAD.top + PAD.bottom}`, role: "application", tabindex: "0",
      "aria-label": `${spec.label} Arrow keys go from point to point.` });
    const plot = s("g", { transform: `translate(${PAD.left} ${PAD.top})` });
    svg.append(plot);
    axes(plot, x, y, top, width, height);
    places = [];
    groups = new Map();
    for (const one of lines) series(plot, one, x.to, y);
    if (spec.front && spec.front.length) {
      const d = spec.front.map(([fx, fy], i) => (i ? `H${x.to(fx)}V${y(fy)}` : `M${x.to(fx)} ${y(fy)}`)).join("");
      plot.append(s("path", { class: "front", d: `${d}H${width}` }));
    }
    if (isNamed) endNames(plot, lines, y, width, height, Math.floor((names - 28) / 7.4));
    frame.replaceChildren(svg);
    if (spec.legend || (!isNamed && spec.series.length > 1)) frame.append(legend(spec.series.filter(isEnding)));
    listen(svg, total);
  }

  function axes(plot, x, y, top, width, height) {
    const step = [0.01, 0.02, 0.05, 0.1, 0.2].find((v) => top / v < 6.5) ?? 0.25;
    for (let v = 0; v <= top + 1e-9; v += step) {
      plot.append(s("line", { class: "grid", x1: 0, x2: width, y1: y(v), y2: y(v) }));
      plot.append(s("text", { x: -8, y: y(v) + 4, "text-anchor": "end" }, String(Math.round(v * 100))));
    }
    plot.append(s("line", { class: "axis", x1: 0, x2: width, y1: height, y2: height }));
    for (const tick of x.ticks) {
      plot.append(s("line", { class: "axis", x1: x.to(tick), x2: x.to(tick), y1: height, y2: height + 4 }));
      plot.append(s("text", { x: x.to(tick), y: height + 18, "text-anchor": "middle" }, TC.format(spec.x.kind, tick)));
    }
    plot.append(s("text", { x: 0, y: height + 38 }, spec.x.title));
    plot.append(s("text", { x: -42, y: -16 }, spec.y.title));
  }

  function series(plot, one, x, y) {
    const points = [...one.points].filter((p) => Number.isFinite(p.x) && Number.isFinite(p.y));
    const slot = `s${one.slot % 8}`;
    const g = s("g", { class: `${slot}${one.faint ? " faint" : ""}` });
    const path = (list) => list.map(([px, py], i) => `${i ? "L" : "M"}${px.toFixed(2)} ${py.toFixed(2)}`).join("");
    const banded = points.filter((p) => Number.isFinite(p.low) && Number.isFinite(p.high));
    if (one.band && banded.length > 1)
      g.append(s("path", { class: "band", d: `${path([...banded.map((p) => [x(p.x), y(p.high)]),
        ...[...banded].reverse().map((p) => [x(p.x), y(p.low)])])}Z` }));
    // Where points stand above each other a band says nothing of them.
    const isAbove = (p) => banded.some((other) => other !== p && Math.abs(x(other.x) - x(p.x)) < 6);
    const barred = one.band && banded.length > 1 ? banded.filter(isAbove) : one.bars === false ? [] : banded;
    for (const p of barred) g.append(s("line", { class: "bar", x1: x(p.x), x2: x(p.x), y1: y(p.low), y2: y(p.high) }));
    if (one.line && points.length > 1)
      g.append(s("path", { class: `line${one.slot >= 8 ? ` dash${1 + (Math.floor(one.slot / 8) - 1) % 2}` : ""}`, d: path(points.map((p) => [x(p.x), y(p.y)])) }));
    for (const p of points) {
      const kind = `dot${p.hollow ? " hollow" : ""}`;
      const px = x(p.x), py = y(p.y), r = p.small ? 3 : 4.5;
      const dot = p.diamond
        ? s("path", { class: kind, d: `M${px} ${py - r - 1.5}L${px + r + 1.5} ${py}L${px} ${py + r + 1.5}L${px - r - 1.5} ${py}Z` })
        : s("circle", { class: kind, cx: px, cy: py, r });
      g.append(dot);
      places.push({ x: px + PAD.left, y: py + PAD.top, dot, point: p, series: one });
    }
    plot.append(g);
    groups.set(one, g);
  }

  // A name that is too long loses its middle: what tells names apart stands at either end.
  const fitted = (name, room) => {
    const chars = [...name], head = Math.ceil(room * 0.4);
    return chars.length <= room ? name : `${chars.slice(0, head).join("")}…${chars.slice(head + 1 - room).join("")}`;
  };

  // Names where lines end, each with its colour, pushed apart; a name keeps its height order.
  function endNames(plot, lines, y, width, height, room) {
    const ends = lines.filter((one) => one.points.length && isEnding(one)).map((one) => {
      const last = one.points.reduce((a, b) => (b.x >= a.x ? b : a));
      return { one, at: y(last.y) };
    }).sort((a, b) => a.at - b.at);
    const gap = Math.min(16, height / Math.max(1, ends.length));
    ends.forEach((end, i) => { if (i) end.at = Math.max(end.at, ends[i - 1].at + gap); });
    for (let i = ends.length - 1, floor = height; i >= 0; i--, floor -= gap) ends[i].at = Math.min(ends[i].at, floor);
    for (const end of ends) {
      plot.append(s("circle", { class: `key s${end.one.slot % 8}`, cx: width + 15, cy: end.at, r: 4 }),
        s("text", { class: "name", x: width + 24, y: end.at + 4 }, fitted(TC.visible(end.one.name), room)));
    }
  }

  function legend(named) {
    return h("ul", { class: "legend", "aria-label": "Curves" }, named.map((one) =>
      h("li", {}, h("button", { type: "button", "aria-pressed": String(!off.has(one.name)), title: "Show or hide", onclick: () => {
        off.has(one.name) ? off.delete(one.name) : off.add(one.name);
        const place = named.indexOf(one);
        draw();
        frame.querySelectorAll(".legend button")[place]?.focus();
      }, onpointerenter: () => stress(one), onpointerleave: () => stress(null), onfocus: () => stress(one), onblur: () => stress(null) }, s("svg", { viewBox: "0 0 22 10", class: `s${one.slot % 8}`, "aria-hidden": "true" },
        s("line", { class: `line${one.slot >= 8 ? " dash1" : ""}`, x1: 0, x2: 22, y1: 5, y2: 5 }),
        s("circle", { class: "dot", cx: 11, cy: 5, r: 4 })), TC.text(one.name)))));
  }

  // Of many curves the one that is looked at stands out.
  function stress(one) {
    for (const [other, g] of groups) g.classList.toggle("dim", groups.has(one) && groups.size > 3 && other !== one);
  }

  function show(place) {
    if (at) at.dot.classList.remove("at");
    at = place;
    stress(place ? place.series : null);
    if (!place) { tip.classList.add("hidden"); return; }
    place.dot.classList.add("at");
    tip.replaceChildren(h("strong", {}, TC.text(place.series.name)), h("dl", {},
      (place.point.tip || []).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, TC.text(value))])));
    tip.classList.remove("hidden");
    const scale = host.clientWidth / host.querySelector("svg").viewBox.baseVal.width;
    const left = place.x * scale, room = host.clientWidth - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(0, Math.min(left + 14 > room ? left - tip.offsetWidth - 14 : left + 14, room))}px`;
    tip.style.top = `${Math.max(0, place.y * scale - tip.offsetHeight - 8)}px`;
  }

  function listen(svg, total) {
    // A finger's first tap shows a point, its second goes where the point leads.
    let isFirstTap = false;
    const look = (event) => {
      const before = at;
      const box = svg.getBoundingClientRect(), scale = total / box.width;
      const px = (event.clientX - box.left) * scale, py = (event.clientY - box.top) * scale;
      let best = null, least = 40 * 40;
      for (const place of places) {
        const d = (place.x - px) ** 2 + (place.y - py) ** 2;
        if (d < least) { least = d; best = place; }
      }
      show(best);
      isFirstTap = event.pointerType === "touch" && event.type === "pointerdown" && best !== before;
    };
    svg.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch") look(event); });
    svg.addEventListener("pointerdown", (event) => { if (event.pointerType === "touch") look(event); });
    svg.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") show(null); });
    svg.addEventListener("blur", () => show(null));
    svg.addEventListener("click", () => !isFirstTap && at && at.point.go && at.point.go());
    svg.addEventListener("keydown", (event) => {
      const key = event.key;
      if (key === "Escape") return show(null);
      if (key === "Enter") return at && at.point.go && at.point.go();
      if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(key) || !places.length) return;
      event.preventDefault();
      if (!at) return show(places[0]);
      const own = places.filter((place) => place.series === at.series).sort((a, b) => a.x - b.x);
      const all = [...new Set(places.map((place) => place.series))];
      const i = own.indexOf(at);
      if (key === "Home") return show(own[0]);
      if (key === "End") return show(own.at(-1));
      if (key === "ArrowRight") return show(own[Math.min(i + 1, own.length - 1)]);
      if (key === "ArrowLeft") return show(own[Math.max(i - 1, 0)]);
      const other = all[(all.indexOf(at.series) + (key === "ArrowDown" ? 1 : -1) + all.length) % all.length];
      show(places.filter((place) => place.series === other).reduce((a, b) => (Math.abs(b.x - at.x) < Math.abs(a.x - at.x) ? b : a)));
    });
  }

  let width = 0;
  new ResizeObserver(() => {
    if (Math.abs(host.clientWidth - width) > 4) { width = host.clientWidth; draw(); }
  }).observe(host);
  draw();
  return { draw };
};
