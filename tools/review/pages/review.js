"use strict";
// Everything shown is set as text, never as HTML: names of files and people come from anywhere.
const sheet = JSON.parse(document.getElementById("sheet").textContent);
const key = "podium-review:" + sheet.key;
const byId = (id) => document.getElementById(id);
let marks = {};
let kept = true; // whether this browser keeps marks
let unsaved = false; // marks that are in no CSV yet
let chosen = -1;
const cards = [];

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Marks: {item id: {mark, name of the option or null, number or null}}, kept by the browser for this run.
function readMarks() {
  try {
    const found = JSON.parse(localStorage.getItem(key) || "{}");
    return found && typeof found === "object" ? found : {};
  } catch {
    kept = false;
    return marks;
  }
}

function mark(number, change) {
  const id = sheet.items[number].id;
  marks = readMarks(); // another window may have added some
  if (change) marks[id] = change;
  else delete marks[id];
  unsaved = true;
  try {
    localStorage.setItem(key, JSON.stringify(marks));
  } catch {
    kept = false;
  }
  showMark(number);
  showProgress();
}

// What the marks say, as rows of the CSV. A field that holds several labels gets all of its changes at once.
function rows() {
  const cells = new Map();
  for (const [profile, field, value, reason] of sheet.earlier)
    cells.set(JSON.stringify([profile, field]), { profile, field, value, reason });
  for (const item of sheet.items) {
    const made = marks[item.id];
    const option = made && item.options.find((one) => one.name === made.option);
    if (!option || (made.mark !== "wrong" && made.mark !== "other")) continue;
    for (const [profile, field, before, after, separator] of option.cells) {
      const place = JSON.stringify([profile, field]);
      const old = cells.get(place);
      const value = made.number ?? after;
      const joined = separator === null ? value : together(old ? old.value : before, before, value, separator);
      const reasons = old && separator !== null ? old.reason + "; " + item.reason : item.reason;
      cells.set(place, { profile, field, value: joined, reason: reasons });
    }
  }
  return [...cells.values()];
}

// A list of labels with the change from one to another list made in it.
function together(text, before, after, separator) {
  const labels = (cell) => cell.split(separator).map((label) => label.trim()).filter(Boolean);
  const [old, wanted] = [labels(before), labels(after)];
  const left = labels(text).filter((label) => wanted.includes(label) || !old.includes(label));
  return [...new Set([...left, ...wanted.filter((label) => !old.includes(label))])].join(separator);
}

// A cell of a CSV file. A spreadsheet runs what begins with =, +, - or @; the apostrophe is taken off again
// when the file is read (from_spreadsheet in utils/tables.py).
function cell(text) {
  const guarded = /^'*[=+\-@\t\r]/.test(text) && !/^[+-]?\d+(\.\d+)?$/.test(text) ? "'" + text : text;
  return /[",\r\n]|^\s|\s$/.test(guarded) ? '"' + guarded.replaceAll('"', '""') + '"' : guarded;
}

function csv() {
  const table = [sheet.columns, ...rows().map((row) => [row.profile, row.field, row.value, row.reason])];
  return table.map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

function save() {
  const link = make("a", { download: "relabel.csv" });
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv;charset=utf-8" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  unsaved = false;
}

function button(kind, text, title, press) {
  return make("button", { type: "button", className: kind, textContent: text, title, onclick: press });
}

function photo(image, item) {
  const picture = make("img", { alt: sheet.images[image].name, decoding: "async" });
  picture.dataset.image = image;
  seen.observe(picture);
  const caption = make("figcaption", { textContent: sheet.images[image].name, title: sheet.images[image].file });
  return make("figure", { className: item.doubted.includes(image) ? "doubted" : "" }, picture, caption);
}

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries)
    if (isIntersecting) {
      const { jpeg } = sheet.images[target.dataset.image];
      if (jpeg) target.src = "data:image/jpeg;base64," + jpeg;
      seen.unobserve(target);
    }
}, { rootMargin: "1200px" });

function card(item, number) {
  const percent = (value) => (100 * value).toFixed(1) + " %";
  const probabilities = item.probabilities.map(([name, value]) =>
    make("span", {}, name + " ", make("meter", { min: 0, max: 1, value }), percent(value)));
  const others = make("select", { title: "another value" });
  for (const option of item.options.slice(1)) others.append(make("option", { textContent: option.name, value: option.name }));
  others.onchange = () => chooseOther(number);
  const number_ = make("input", { type: "number", hidden: !item.number, title: "another value" });
  if (item.number) Object.assign(number_, { min: item.number[0], max: item.number[1], step: 1, size: 4 });
  number_.onchange = () => chooseOther(number);
  const buttons = make("div", { className: "bar" },
    button("wrong", "Wrong \u2192 " + item.options[0].name, "w", () => press(number, "wrong")),
    button("other", "Other", "o", () => press(number, "other")), item.number ? number_ : others,
    button("right", "Right", "r", () => press(number, "right")),
    button("unsure", "Unsure", "u", () => press(number, "unsure")));
  if (item.options.length < 2 && !item.number) { buttons.children[1].hidden = true; others.hidden = true; }
  const title = make("h2", {}, `${number + 1}. ${item.question}: `, make("b", { textContent: item.given }), " \u2192 ",
    make("b", { textContent: item.suggested }), "? ", make("span", { className: "soft", textContent: item.group }));
  const found = make("article", { tabIndex: -1 }, title,
    make("div", { className: "photos" }, ...item.images.map((image) => photo(image, item))),
    make("div", { className: "probabilities" }, ...probabilities), buttons);
  found.onclick = () => choose(number, false);
  return found;
}

function press(number, kind) {
  const item = sheet.items[number];
  if (kind === "other") return chooseOther(number);
  const option = kind === "wrong" ? item.options[0].name : null;
  const again = (marks[item.id] || {}).mark === kind;
  mark(number, again ? null : { mark: kind, option, number: null });
  if (!again) step(1);
}

function chooseOther(number) {
  const item = sheet.items[number];
  const input = cards[number].querySelector(item.number ? "input" : "select");
  if (!item.number) return input.value && mark(number, { mark: "other", option: input.value, number: null });
  if (input.value === "" || !input.checkValidity()) {
    input.focus();
    return input.value === "" || input.reportValidity();
  }
  mark(number, { mark: "other", option: item.options[0].name, number: String(Number(input.value)) });
}

function showMark(number) {
  const item = sheet.items[number];
  const made = marks[item.id] || {};
  const found = cards[number];
  found.dataset.mark = made.mark || "";
  for (const kind of ["wrong", "other", "right", "unsure"])
    found.querySelector("button." + kind).setAttribute("aria-pressed", String(made.mark === kind));
  if (made.mark !== "other") return;
  const input = found.querySelector(item.number ? "input" : "select");
  input.value = item.number ? made.number : made.option;
}

function showProgress() {
  const counts = {};
  for (const { id } of sheet.items) if (marks[id]) counts[marks[id].mark] = (counts[marks[id].mark] || 0) + 1;
  const wrong = (counts.wrong || 0) + (counts.other || 0);
  const done = wrong + (counts.right || 0) + (counts.unsure || 0);
  byId("progress").value = done;
  byId("count").textContent = `${done} of ${sheet.items.length}: ${wrong} wrong, ${counts.right || 0} right, ${counts.unsure || 0} unsure`;
  byId("lost").hidden = kept;
  if (byId("table").open) byId("csv").value = csv();
}

const visible = (number) => !cards[number].hidden;

function filter() {
  const [question, state] = [byId("question").value, byId("state").value];
  sheet.items.forEach((item, number) => {
    const made = (marks[item.id] || {}).mark || "open";
    const fits = state === "all" || state === made || (state === "wrong" && made === "other");
    cards[number].hidden = (question !== "" && question !== item.question) || !fits;
  });
}

function choose(number, scroll) {
  if (chosen >= 0) cards[chosen].classList.remove("chosen");
  chosen = number;
  cards[number].classList.add("chosen");
  if (scroll) cards[number].scrollIntoView({ block: "nearest" });
}

function step(by) {
  let next = chosen + by;
  while (next >= 0 && next < cards.length && !visible(next)) next += by;
  if (next >= 0 && next < cards.length) choose(next, true);
}

const keys = { j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1) };
for (const kind of ["wrong", "other", "right", "unsure"]) keys[kind[0]] = () => chosen >= 0 && press(chosen, kind);
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (typing || event.ctrlKey || event.altKey || event.metaKey || !Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});

marks = readMarks();
byId("progress").max = Math.max(1, sheet.items.length);
byId("run").textContent = sheet.run;
byId("note").textContent = sheet.note;
byId("question").append(make("option", { value: "", textContent: `all (${sheet.items.length})` }));
for (const question of new Set(sheet.items.map((item) => item.question))) {
  const count = sheet.items.filter((item) => item.question === question).length;
  byId("question").append(make("option", { value: question, textContent: `${question} (${count})` }));
}
sheet.items.forEach((item, number) => cards.push(card(item, number)));
byId("items").append(...cards);
sheet.items.forEach((_, number) => showMark(number));
byId("question").onchange = byId("state").onchange = filter;
byId("save").onclick = save;
byId("table").ontoggle = showProgress;
window.addEventListener("storage", () => {
  marks = readMarks();
  sheet.items.forEach((_, number) => showMark(number));
  showProgress();
});
window.addEventListener("beforeunload", (event) => { if (unsaved && !kept) event.preventDefault(); });
if (cards.length) choose(0, false);
showProgress();
document.documentElement.dataset.ready = "yes";
