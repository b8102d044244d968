"use strict";
const data = JSON.parse(document.getElementById("sheet").textContent);
const $ = (selector) => document.querySelector(selector);
const MOST_AXES = 12, DRAWN = 12;
const COLUMNS = [
  ["run", "run", true], ["score", "score"], ["interval", "95 %"], ["folds", "folds"], ["minutes", "min"],
  ["weights", "M weights"], ["started", "started"], ["commit", "commit"], ["who", "who"],
];
if (data.base !== null) COLUMNS.push(["differs", "differs from " + data.base, true]);
const state = { metric: Object.keys(data.metrics)[0] || "", find: "", sort: "score", down: false, over: null, brushes: {} };
data.runs.forEach((run, i) => { run.id = i; run.drawn = false; });

function element(parent, name, attributes, text) {
  const svg = ["svg", "g", "path", "line", "rect", "text", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function number(value, digits) { return value === null ? "-" : value.toFixed(digits); }

function chosen() {
  const words = state.find.toLowerCase().split(/\s+/).filter(Boolean);
  return data.runs.filter((run) => {
    if (state.metric && run.metric && run.metric !== state.metric) return false;
    const text = [run.run, run.who, run.commit, run.state, ...run.values].join(" ").toLowerCase();
    return words.every((word) => text.includes(word)) && brushed(run);
  });
}

function key(run) {
  if (state.sort === "score") return run.good === null ? -Infinity : run.good;
  if (state.sort === "interval") return run.low === null ? -Infinity : run.low;
  const value = run[state.sort];
  return value === null ? "" : value;
}

function sorted(runs) {
  const sign = (state.sort === "score" ? -1 : 1) * (state.down ? -1 : 1);
  return [...runs].sort((a, b) => {
    const one = key(a), other = key(b);
    if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
    return sign * (one < other ? -1 : one > other ? 1 : 0) || a.id - b.id;
  });
}

// ---- colours: from the worst, blue, to the best, red

function colours(runs) {
  const scores = runs.filter((run) => run.good !== null).map((run) => run.good);
  const low = Math.min(...scores), high = Math.max(...scores);
  return (run) => {
    if (run.good === null) return "hsl(0 0% 55%)";
    const share = high > low ? (run.good - low) / (high - low) : 1;
    return `hsl(${Math.round(230 - 230 * share)} 75% 50%)`;
  };
}

// ---- the table

function header() {
  const row = element($("#table thead"), "tr");
  element(row, "th", {}, "draw");
  for (const [name, words, text] of COLUMNS) {
    const cell = element(row, "th", text ? { class: "text" } : {});
    const button = element(cell, "button", { type: "button", "data-sort": name }, words);
    button.addEventListener("click", () => {
      state.down = state.sort === name && !state.down;
      state.sort = name;
      show();
    });
  }
}

function cells(run) {
  return {
    score: run.score === null ? run.state : number(run.score, 4) + (run.state === "final fit" ? " (its folds)" : ""),
    interval: run.low === null ? "-" : `[${number(run.low, 3)}, ${number(run.high, 3)}]`,
    minutes: number(run.minutes, 1), weights: run.weights === null ? "-" : String(run.weights),
  };
}

function showTable(runs) {
  const body = $("#table tbody");
  body.replaceChildren();
  for (const run of runs) {
    const row = element(body, "tr", { "data-run": run.id }), said = cells(run);
    const box = element(element(row, "td"), "input", { type: "checkbox", "aria-label": "draw " + run.run });
    box.checked = run.drawn;
    box.addEventListener("change", () => { run.drawn = box.checked; showCurves(runs); });
    for (const [name, , text] of COLUMNS) {
      const cell = element(row, "td", { class: name === "differs" ? "differs" : text ? "text" : "" });
      if (name === "run") {
        element(cell, "a", { href: run.folder }, run.run);
        if (run.report) { cell.append(" "); element(cell, "a", { href: run.report, class: "report" }, "report"); }
      } else cell.textContent = name in said ? said[name] : run[name] || "-";
    }
    row.addEventListener("mouseenter", () => over(run));
    row.addEventListener("mouseleave", () => over(null));
  }
}

function over(run) {
  for (const old of document.querySelectorAll(".over")) old.classList.remove("over");
  $("#over").textContent = run === null ? "" : run.run;
  if (run !== null) for (const now of document.querySelectorAll(`[data-run="${run.id}"]`)) now.classList.add("over");
}

// ---- learning curves

function showCurves(runs) {
  const svg = $("#curves"), name = $("#curve").value, box = { left: 60, right: 1260, top: 15, bottom: 325 };
  svg.replaceChildren();
  const drawn = runs.filter((run) => run.drawn && run.curves[name]), colour = colours(runs);
  const points = drawn.flatMap((run) => run.curves[name]).filter(([, value]) => value !== null);
  if (!points.length) { element(svg, "text", { x: box.left, y: 40 }, "No run that is drawn has this curve."); return; }
  const last = Math.max(2, ...points.map(([epoch]) => epoch));
  const values = points.map(([, value]) => value), low = Math.min(...values), high = Math.max(...values);
  const x = (epoch) => box.left + (box.right - box.left) * (epoch - 1) / (last - 1);
  const y = (value) => box.bottom - (box.bottom - box.top) * (high > low ? (value - low) / (high - low) : 0.5);
  element(svg, "line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom });
  element(svg, "line", { class: "axis", x1: box.left, x2: box.left, y1: box.top, y2: box.bottom });
  for (const share of [0, 0.5, 1]) {
    const value = low + share * (high - low), epoch = Math.round(1 + share * (last - 1));
    element(svg, "text", { x: box.left - 6, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(3));
    element(svg, "text", { x: x(epoch), y: box.bottom + 18, "text-anchor": "middle" }, "epoch " + epoch);
  }
  for (const run of drawn) line(svg, run, run.curves[name].filter(([, v]) => v !== null).map(([e, v]) => [x(e), y(v)]), colour(run));
}

function line(svg, run, points, colour, out) {
  if (points.length === 1) points = [points[0], [points[0][0] + 4, points[0][1]]];
  const path = element(svg, "path", {
    d: "M" + points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join("L"), stroke: colour, "data-run": run.id,
  });
  if (out) path.classList.add("out");
  element(path, "title", {}, `${run.run}: ${number(run.score, 4)}`);
  path.addEventListener("mouseenter", () => over(run));
  path.addEventListener("mouseleave", () => over(null));
}

// ---- parallel coordinates: a share from 0 to 1 for each run on each axis

function axis(name, values) {
  const known = [...new Set(values.filter((value) => value !== "-"))];
  const numbers = known.map(Number), numeric = known.length > 0 && numbers.every(Number.isFinite);
  if (!numeric) {
    const order = [...new Set(values)].sort();
    const share = (value) => order.length > 1 ? order.indexOf(value) / (order.length - 1) : 0.5;
    return { name, share, ticks: order.slice(0, 12).map((value) => [share(value), value]) };
  }
  const low = Math.min(...numbers), high = Math.max(...numbers), log = low > 0 && high / low >= 20;
  const at = log ? Math.log : (value) => value;
  const share = (value) => value === "-" ? null : high > low ? (at(Number(value)) - at(low)) / (at(high) - at(low)) : 0.5;
  return { name, share, ticks: [[0, String(low)], [1, String(high)]], log };
}

function axes() {
  const made = data.keys.slice(0, MOST_AXES).map((name, i) => {
    const values = data.runs.map((run) => run.values[i]), one = axis(name, values);
    one.of = (run) => one.share(run.values[i]);
    return one;
  });
  const scored = data.runs.filter((run) => run.score !== null && run.metric === state.metric);
  const score = axis(data.metrics[state.metric] || "score", scored.map((run) => String(run.score)));
  score.of = (run) => run.score === null || run.metric !== state.metric ? null : score.share(String(run.score));
  score.ticks = score.ticks.map(([share, text]) => [share, Number(text).toFixed(4)]);
  return [...made, score];
}

function brushed(run) {
  return Object.entries(state.brushes).every(([i, [low, high]]) => {
    const share = state.axes[i].of(run);
    return share !== null && share >= low && share <= high;
  });
}

function showParallel(runs) {
  const svg = $("#parallel"), top = 40, bottom = 370, all = state.axes, colour = colours(runs), inside = new Set(runs);
  svg.replaceChildren();
  const x = (i) => all.length > 1 ? 70 + i * 1130 / (all.length - 1) : 640;
  const y = (share) => bottom - share * (bottom - top);
  for (const run of data.runs) {
    const points = all.map((one, i) => [x(i), one.of(run)]).filter(([, share]) => share !== null);
    if (run.score !== null && points.length > 1)
      line(svg, run, points.map(([at, share]) => [at, y(share)]), colour(run), !inside.has(run));
  }
  all.forEach((one, i) => {
    element(svg, "line", { class: "axis", x1: x(i), x2: x(i), y1: top, y2: bottom });
    element(svg, "text", { x: x(i), y: top - 22 + 12 * (i % 2), "text-anchor": "middle" }, one.name + (one.log ? " (log)" : ""));
    for (const [share, text] of one.ticks)
      element(svg, "text", { x: x(i) + 5, y: y(share) + 4 }, text.length > 18 ? text.slice(0, 17) + "…" : text);
    if (state.brushes[i]) {
      const [low, high] = state.brushes[i];
      element(svg, "rect", { class: "brush", x: x(i) - 8, width: 16, y: y(high), height: Math.max(1, y(low) - y(high)) });
    }
    const hit = element(svg, "rect", { class: "hit", "data-axis": one.name, x: x(i) - 12, width: 24, y: top - 8, height: bottom - top + 16 });
    hit.addEventListener("pointerdown", (event) => drag(event, i, (at) => (bottom - at) / (bottom - top)));
  });
}

function drag(event, i, share) {
  const svg = $("#parallel"), at = (e) => {
    const point = new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return share(point.y);
  };
  const from = at(event);
  event.preventDefault();
  const end = (e) => {
    window.removeEventListener("pointerup", end);
    const to = at(e);
    if (Math.abs(to - from) < 0.01) delete state.brushes[i];
    else state.brushes[i] = [Math.min(from, to), Math.max(from, to)];
    show();
  };
  window.addEventListener("pointerup", end);
}

// ---- all together

function show() {
  const runs = sorted(chosen());
  $("#count").textContent = `${runs.length} of ${data.runs.length}`;
  showTable(runs);
  showCurves(runs);
  showParallel(runs);
}

function drawFirst() {
  data.runs.forEach((run) => { run.drawn = false; });
  sorted(chosen()).slice(0, DRAWN).forEach((run) => { run.drawn = true; });
}

function offerCurves() {
  const names = [...new Set(data.runs.flatMap((run) => Object.keys(run.curves)))];
  $("#curve").replaceChildren();
  for (const name of names) element($("#curve"), "option", { value: name }, data.metrics[name] || name.replace("_", " "));
  if (names.includes(state.metric)) $("#curve").value = state.metric;
}

header();
for (const [name, words] of Object.entries(data.metrics)) element($("#metric"), "option", { value: name }, words);
$("#metric").addEventListener("change", () => {
  state.metric = $("#metric").value; state.brushes = {}; state.axes = axes(); drawFirst(); offerCurves(); show();
});
$("#find").addEventListener("input", () => { state.find = $("#find").value; show(); });
$("#curve").addEventListener("change", () => showCurves(sorted(chosen())));
$("#all").addEventListener("click", () => { chosen().forEach((run) => { run.drawn = true; }); show(); });
$("#none").addEventListener("click", () => { data.runs.forEach((run) => { run.drawn = false; }); show(); });
$("#clear").addEventListener("click", () => { state.brushes = {}; show(); });
if (data.keys.length > MOST_AXES)
  $("#keys").textContent = `The first ${MOST_AXES} of ${data.keys.length} keys that differ are shown; choose runs with --where, or write a CSV.`;
if (data.keys.length === 0) $("#keys").textContent = "The settings of these runs do not differ.";
for (const text of data.damaged) { $("#damaged").hidden = false; element($("#damaged ul"), "li", { class: "warning" }, text); }
state.axes = axes();
drawFirst();
offerCurves();
show();
document.documentElement.dataset.ready = "yes";
