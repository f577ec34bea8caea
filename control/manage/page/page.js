"use strict";
// Asks for /live once a second and draws what it says. Texts of others go in as text, never as
// markup.

const kKept = 120; // seconds in a graph
let before = null;

const byId = (id) => document.getElementById(id);
const token = () => sessionStorage.getItem("token") || "";

function element(name, attributes = {}, ...children) {
  const out = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") out.addEventListener("click", value);
    else if (value !== false) out.setAttribute(key, value === true ? "" : value);
  }
  out.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return out;
}

const number = (value) => Math.round(value).toLocaleString("en");
const rate = (value) => (value < 10 ? value.toFixed(1) : number(value));

function duration(seconds) {
  const days = Math.floor(seconds / 86400), hours = Math.floor((seconds % 86400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return days > 0 ? `${days} d ${hours} h` : hours > 0 ? `${hours} h ${minutes} min`
    : minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

function say(text, good = false) {
  byId("message").textContent = text;
  byId("message").className = good ? "good" : "";
}

async function call(method, params) {
  const reply = await fetch("RPC", {
    method: "POST",
    headers: { Authorization: `Bearer ${token()}`, "Content-Type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  if (reply.status === 401) throw new Error("the token is not the right one");
  const said = await reply.json();
  if (said.error) throw new Error(said.error.message);
  return said.result;
}

async function steer(method, group, uri) {
  try {
    await call(method, [group, uri]);
    say(`${method.replace("dispatcher.", "")}: ${uri}`, true);
    await refresh();
  } catch (fault) {
    say(fault.message);
  }
}

function draw(name, values) {
  const most = Math.max(1, ...values), step = 300 / (kKept - 1);
  const left = 300 - (values.length - 1) * step;
  const points = values.map((value, i) =>
    `${(left + i * step).toFixed(1)},${(58 - 54 * value / most).toFixed(1)}`);
  const svg = byId(`${name}-graph`);
  const path = (kind, d) => {
    const out = document.createElementNS("http://www.w3.org/2000/svg", "path");
    out.setAttribute("class", kind);
    out.setAttribute("d", d);
    return out;
  };
  svg.replaceChildren();
  if (points.length < 2) return;
  svg.append(path("area", `M${left.toFixed(1)},60 L${points.join(" L")} L300,60 Z`),
    path("line", `M${points.join(" L")}`));
  byId(`${name}-now`).textContent = rate(values[values.length - 1]);
}

// Per second since the last look, of a counter or a sum of them.
function since(now, of) {
  if (before === null) return 0;
  const seconds = Math.max(0.2, (now.seen - before.seen) / 1000);
  return Math.max(0, of(now) - of(before)) / seconds;
}

const counter = (name) => (data) => data.counters[name] || 0;

function median(counts, bounds) {
  const all = counts.reduce((a, b) => a + b, 0);
  let seen = 0;
  for (let i = 0; i < counts.length; ++i) {
    seen += counts[i];
    if (all > 0 && seen * 2 >= all) return i < bounds.length ? `≤ ${bounds[i] / 1000} ms` : "> 60 s";
  }
  return "–";
}

function tiles(data) {
  const c = (name) => data.counters[name] || 0;
  const ended = c("calls_answered") + c("calls_failed");
  const all = [
    ["calls up", number(data.workers.reduce((sum, w) => sum + w.calls, 0))],
    ["calls begun", number(c("calls"))],
    ["answered", ended === 0 ? "–" : `${(100 * c("calls_answered") / ended).toFixed(1)} %`],
    ["post-dial delay, median", median(data.post_dial_delay, data.bounds_us)],
    ["failovers", number(c("failovers"))],
    ["transactions", number(data.workers.reduce((sum, w) => sum + w.transactions, 0))],
  ];
  byId("tiles").replaceChildren(...all.map(([name, value]) =>
    element("div", {}, element("b", {}, value), element("span", {}, name))));
}

const kColumns = ["destination", "state", "prio", "weight", "calls", "limit", "calls/s", "begun",
  "answered", "failed", "latency", "post-dial", ""];

function destinationRow(group, one, old) {
  const perSecond = old ? Math.max(0, one.CALLS - old.CALLS) / Math.max(0.2, old.seconds) : 0;
  const out = /draining|disabled/.test(one.STATE);
  const button = (text, method) => element("button", {
    disabled: token() === "", title: token() === "" ? "needs the token" : "",
    onclick: () => steer(method, group, one.NAME),
  }, text);
  const buttons = element("td", {}, out ? button("enable", "dispatcher.enable")
    : button("drain", "dispatcher.drain"), " ");
  if (one.STATE !== "disabled") buttons.append(button("disable", "dispatcher.disable"));
  const cells = [one.PRIORITY, one.ATTRS.WEIGHT, number(one.ACTIVE), one.ATTRS.MAXLOAD || "–",
    rate(perSecond), number(one.CALLS), number(one.ANSWERED), number(one.FAILED),
    `${one.LATENCY.EST.toFixed(1)} ms`, one.PDD === null ? "–" : `${one.PDD.toFixed(1)} ms`];
  return element("tr", { class: one.STATE }, element("td", { class: "text" }, one.NAME),
    element("td", { class: "text" }, element("span", { class: "pill" }, one.STATE)),
    ...cells.map((value) => element("td", {}, value)), buttons);
}

function groups(data) {
  const old = new Map();
  for (const { SET } of before ? before.groups : []) {
    for (const { DEST } of SET.TARGETS) {
      old.set(`${SET.NAME} ${DEST.NAME}`,
        { CALLS: DEST.CALLS, seconds: (data.seen - before.seen) / 1000 });
    }
  }
  byId("groups").replaceChildren(...data.groups.map(({ SET }) => {
    const head = element("tr", {}, ...kColumns.map((name, i) =>
      element("th", { class: i < 2 ? "text" : "" }, name)));
    const rows = SET.TARGETS.map(({ DEST }) => destinationRow(SET.NAME, DEST,
      old.get(`${SET.NAME} ${DEST.NAME}`)));
    return element("div", {}, element("h2", {}, SET.NAME, " ", element("small", {}, SET.ALGORITHM)),
      element("table", {}, head, ...rows));
  }));
}

function table(id, rows) {
  const cell = (value, i) => element("td", { class: i === 0 ? "text wrap" : "" }, value);
  byId(id).replaceChildren(...(rows.length > 0 ? rows : [["–"]]).map((row) =>
    element("tr", {}, ...row.map(cell))));
}

function show(data) {
  byId("name").textContent = data.name;
  byId("uptime").textContent = `up for ${duration(data.uptime)}`;
  byId("health").textContent = "live";
  byId("health").className = "pill good";
  byId("access").hidden = !data.steerable;
  tiles(data);
  for (const [name, values] of Object.entries(data.history)) draw(name, values);
  groups(data);
  const words = (name) => name.replace(/^(drop|rejected)_/, "").replaceAll("_", " ");
  const of = (prefix) => Object.entries(data.counters)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => [`${prefix === "drop_" ? "dropped" : "refused"}: ${words(name)}`,
      number(value), `${rate(since(data, counter(name)))}/s`]);
  table("drops", [...of("drop_"), ...of("rejected_")]);
  table("responses", Object.entries(data.responses).map(([code, count]) => [code, number(count),
    `${rate(since(data, (d) => d.responses[code] || 0))}/s`]));
  table("rules", data.rules.slice(0, 50).map((rule) => [rule.name, number(rule.hits)]));
  table("events", data.events.slice().reverse().map((event) => [
    `${new Date(event.at * 1000).toLocaleTimeString("en-GB")}  ${event.uri}`,
    `${event.from} → ${event.to}`]));
}

async function refresh() {
  try {
    const headers = token() === "" ? {} : { Authorization: `Bearer ${token()}` };
    const reply = await fetch("live", { headers, cache: "no-store" });
    if (reply.status === 401) throw new Error("the token is wanted to read this page");
    const data = await reply.json();
    data.seen = performance.now();
    show(data);
    before = data;
  } catch (fault) {
    byId("health").textContent = "no answer";
    byId("health").className = "pill bad";
    if (fault.message.includes("token")) say(fault.message);
  }
}

byId("access").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", byId("token").value);
  byId("token").value = "";
  say("token kept until this tab is closed", true);
  refresh();
});

refresh();
setInterval(refresh, 1000);
