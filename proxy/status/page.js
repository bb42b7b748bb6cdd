"use strict";
const $ = id => document.getElementById(id);
const el = (name, text, className) => { const e = document.createElement(name); if (text !== undefined) e.textContent = text; if (className) e.className = className; return e; };

// Numbers with their units.
const number = n => n >= 1e6 ? (n / 1e6).toFixed(1) + " M" : n >= 1e4 ? (n / 1e3).toFixed(1) + " k" : n >= 100 || Number.isInteger(n) ? n.toFixed(0) : n.toFixed(n >= 10 ? 1 : 2);
const perSecond = n => number(n) + "/s";
const bytes = n => { let u = 0; const units = ["B", "KiB", "MiB", "GiB"]; while (n >= 1024 && u < 3) { n /= 1024; u++; } return (u && n < 100 ? n.toFixed(1) : n.toFixed(0)) + " " + units[u]; };
const bytesPerSecond = n => bytes(n) + "/s";
const seconds = s => !s ? "–" : s < 1 ? (s * 1000).toFixed(s < .01 ? 1 : 0) + " ms" : s.toFixed(1) + " s";
const time = s => s === 0 ? "0" : seconds(s);
const percent = p => p === 0 || p === 1 ? 100 * p + " %" : (100 * p).toFixed(p > .99 || p < .01 ? 2 : 1) + " %";
const share = f => f.rate > 0 ? f.failed / f.rate : 0;
const utc = t => new Date(t).toISOString().slice(11, 19);
const day = t => new Date(t).toISOString().slice(0, 16).replace("T", " ") + " UTC";
const span = s => s < 90 ? Math.round(s) + " s" : s < 5400 ? Math.round(s / 60) + " min" : s < 172800 ? Math.round(s / 3600) + " h" : Math.round(s / 86400) + " days";

// Tables. A cell's name is shown where there is no head.
const cell = (text, className, name) => { const td = el("td", text, className); if (name && text) td.dataset.name = name; return td; };
const code = (text, className, name) => { const td = el("td", undefined, className); if (text) { td.append(el("code", text)); if (name) td.dataset.name = name; } return td; };
function rows(id, list, empty) {
  const body = $(id);
  body.replaceChildren(...list.map(cells => { const tr = el("tr"); tr.append(...cells); return tr; }));
  const head = body.parentElement.tHead;
  if (head) head.hidden = !list.length;
  if (!list.length) note(id, empty);
}
function note(id, text) { const tr = el("tr"), td = el("td", text, "note"); td.colSpan = 9; tr.append(td); $(id).append(tr); }

// Charts, by the ids of their places. One with other lines than before is drawn anew.
const charts = {};
const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const powers = Array.from({ length: 50 }, (_, i) => 2 ** i); // steps of an axis of bytes
function chart(id, pieces, lines, text, floor, steps) {
  const place = $(id), width = Math.max(200, place.clientWidth);
  const data = [pieces.map(p => Date.parse(p.at) / 1000), ...lines.map(l => pieces.map(l.of))];
  const key = lines.map(l => l.name).join("|"), end = Date.now() / 1000, first = data[0].length ? data[0][0] : end;
  let c = charts[id];
  const span = [Math.max(end - 3600, Math.min(first, end - 600)), end];
  if (!c || c.key !== key) {
    if (c) { c.plot.destroy(); c.none.remove(); }
    const axis = { stroke: () => colour("dim"), font: "11px system-ui, sans-serif", grid: { stroke: () => colour("line"), width: 1 }, ticks: { stroke: () => colour("line"), width: 1, size: 4 } };
    c = charts[id] = { key, span };
    c.plot = new uPlot({
      width, height: 190, cursor: { y: false, sync: { key: "page" } }, legend: { markers: { width: 0, fill: (u, i) => colour(lines[i - 1].colour) } },
      tzDate: t => uPlot.tzDate(new Date(t * 1e3), "Etc/UTC"),
      scales: { x: { range: () => c.span }, y: { range: (u, low, high) => [0, high > floor ? high * 1.1 : floor] } },
      axes: [{ ...axis, space: 55, size: 30, values: (u, at) => at.map(t => new Date(t * 1000).toISOString().slice(11, 16)) },
        { ...axis, size: 68, ...(steps && { incrs: steps }), values: (u, at) => at.map(text) }],
      series: [{ label: "time", value: (u, t) => t === null ? "" : new Date(t * 1000).toISOString().slice(11, 16) + " UTC" },
        ...lines.map(l => ({ label: l.name, stroke: () => colour(l.colour), width: 2, value: (u, v) => u.cursor.idx === null || v === null ? "" : text(v), points: { size: 5, fill: () => colour(l.colour), ...(l.dots && { show: true }) } }))],
    }, data, place);
    c.none = el("div", id === "errors" ? "no errors in this time" : "nothing in this time", "none");
    place.append(c.none);
  }
  c.span = span;
  c.none.hidden = data.slice(1).some(line => line.some(v => v > 0));
  if (c.plot.width !== width) c.plot.setSize({ width, height: 190 });
  c.plot.setData(data);
}
const some = (f, v) => f && f.rate > 0 ? v : null; // where nothing happened there is no latency
const latency = (of, dots) => [{ name: "p50", colour: "c1", dots, of: p => some(of(p), of(p).p50) }, { name: "p99", colour: "c2", dots, of: p => some(of(p), of(p).p99) }];
const traffic = (of, name) => [{ name, colour: "c1", of: p => of(p).rate }, { name: "failed", colour: "c2", of: p => of(p).failed }];
function drawCharts(r) {
  const pieces = (r.pieces || []).filter(p => p.seconds >= 3);
  const weight = {};
  for (const p of pieces) for (const [name, f] of Object.entries(p.operations || {})) weight[name] = (weight[name] || 0) + p.seconds * (f.rate + 100 * f.failed);
  const names = Object.keys(weight).sort((a, b) => weight[b] - weight[a]).slice(0, 6).sort();
  const byOperation = value => names.map((name, i) => ({ name, colour: "c" + (i + 1), of: p => { const f = (p.operations || {})[name]; return f ? value(f) : null; } }));
  chart("rate", pieces, traffic(p => p, "answered"), perSecond, 1);
  chart("errors", pieces, byOperation(share), percent, .01);
  chart("latency", pieces, byOperation(f => f.p99), time, .001);
  chart("bytes", pieces, [{ name: "from clients", colour: "c1", of: p => p.in }, { name: "to clients", colour: "c3", of: p => p.out }], bytesPerSecond, 1024, powers);
  chart("storeTime", pieces, latency(p => p.store), time, .001);
  chart("storeRate", pieces, traffic(p => p.store, "requests"), perSecond, 1);
  chart("kmsTime", pieces, latency(p => p.kms, true), time, .001);
  chart("kmsRate", pieces, traffic(p => p.kms, "calls"), perSecond, .1);
}

const tile = (value, text, level) => { const d = el("div", undefined, "tile"); d.append(el("b", value, level || ""), el("span", text)); return d; };
const levelOf = s => s.bad ? "bad" : s.state === "well" ? "good" : "due";
function say(lines) {
  $("headline").replaceChildren(...lines.map(l => {
    const d = el("div", undefined, "say " + l.level);
    d.append(el("b", l.text));
    if (l.why) d.append(el("p", l.why));
    if (l.works) d.append(el("p", "Still works: " + l.works));
    return d;
  }));
}
// Lists of failures are short until somebody wants all of them.
const fewFailures = 6, whole = {};
function failures(id, list, empty) {
  rows(id, (whole[id] ? list : list.slice(0, fewFailures)).map(f => {
    const cause = cell(f.cause, "w");
    if (f.row) { if (f.cause) cause.append(el("br")); cause.append(el("span", f.row + ": " + f.why, "dim")); }
    return [cell(utc(f.time), "t"), cell(f.operation || "–", "t"), code(f.bucket, "l"), cell(f.status + " " + f.code, "t " + (f.status >= 500 ? "bad" : "due")), cause, code(f.request, "t", "id")];
  }), empty);
  if (list.length <= fewFailures) return;
  const more = el("button", whole[id] ? "Show fewer" : "Show all " + list.length), tr = el("tr"), td = el("td", undefined, "note");
  more.addEventListener("click", () => { whole[id] = !whole[id]; failures(id, list, empty); });
  td.colSpan = 9; td.append(more); tr.append(td); $(id).append(tr);
}
let last, stuck = 0; // the last report; when the replica stopped answering
function show(r) {
  last = r;
  document.body.classList.remove("stale");
  stuck = 0;
  const worst = r.headline[0].level;
  $("ready").textContent = r.ready ? "ready" : "not ready";
  $("ready").className = "pill " + (!r.ready ? "bad" : worst === "well" ? "good" : "plain"); // green says that all is well
  document.title = (worst === "well" ? "" : worst === "bad" ? "✖ " : "! ") + "Sealfront";
  const fact = name => ((r.facts || []).find(f => f.name === name) || {}).value || "";
  $("who").textContent = [fact("host"), fact("version").split(",")[0]].filter(Boolean).join(", ");
  $("at").textContent = "as of " + utc(r.at) + " UTC";
  say(r.headline);
  const failing = share(r.now), k = r.keys;
  $("tiles").replaceChildren(
    tile(perSecond(r.now.rate), "requests; " + perSecond(r.hour.rate) + " in the hour"),
    tile(percent(failing), "fail (5xx); " + percent(share(r.hour)) + " in the hour", failing > 0 ? "bad" : ""),
    tile(seconds(r.now.p50), "p50; " + seconds(r.hour.p50) + " in the hour"),
    tile(seconds(r.now.p99), "p99; " + seconds(r.hour.p99) + " in the hour"),
    tile(bytesPerSecond(r.now.in + r.now.out), "in " + bytesPerSecond(r.now.in) + ", out " + bytesPerSecond(r.now.out)),
    tile(number(r.active), "requests in flight; " + number(r.connections) + " connections"),
    tile(number(r.shed), "turned away for want of room", r.shed > 0 ? "due" : ""),
    tile(number(r.integrity), "integrity failures", r.integrity > 0 ? "bad" : ""));
  rows("health", (r.health || []).map(c => {
    const why = cell(c.why, "w");
    if (c.bad && c.works) { if (c.why) why.append(el("br")); why.append(el("span", "Still works: " + c.works, "dim")); }
    return [cell(c.name, "t"), cell(c.state, "t " + levelOf(c)), cell(utc(c.since) + " UTC (" + span((Date.parse(r.at) - Date.parse(c.since)) / 1000) + ")", "t dim", "since"), why, cell(c.millis ? c.millis.toFixed(1) + " ms" : "", "n dim")];
  }), "nothing");
  drawCharts(r);
  failures("failures", r.failures || [], "none since the start");
  failures("refused", r.refused || [], "none since the start");
  rows("operations", Object.entries(r.operations || {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]).slice(0, 12).map(([name, n]) => {
    const f = (r.now.operations || {})[name] || { rate: 0, failed: 0, p50: 0, p99: 0 };
    return [cell(name, "w"), cell(perSecond(f.rate), "n"), cell(percent(share(f)), "n" + (f.failed > 0 ? " bad" : "")), cell(seconds(f.p50), "n"), cell(seconds(f.p99), "n"), cell(number(n), "n")];
  }), "no requests yet");
  rows("replicas", (r.replicas || []).map((x, i) => {
    const ill = Object.entries(x.health || {}).filter(([, s]) => s !== "well").map(([name, s]) => name + " " + s).join(", ");
    const state = x.lost ? "silent" : (x.ready ? "ready" : "not ready") + (ill ? "; " + ill : "");
    return [cell(x.host + (i ? "" : " (this one)"), "w"), cell(state, "w " + (x.lost || ill ? "due" : x.ready ? "good" : "bad")), cell(x.version, "w dim"), cell(day(x.started), "w dim", "since"), cell(i ? span(x.silent) + " ago" : "", "t dim", "heard of")];
  }), r.alone ? "this one alone: the store is its own, or store.single_writer is set" : r.replicasWhy ? "" : "none");
  if (r.replicasWhy) note("replicas", "They can't be read: " + r.replicasWhy);
  rows("keys", [["hit rate", percent(k.hitRate)], ["found in memory", number(k.hits)], ["not in memory", number(k.misses)],
    ["kept to open and to seal", number((k.entries || {}).opening || 0) + ", " + number((k.entries || {}).sealing || 0)], ["evicted while still good", number(k.evictions), k.evictions > 0],
    ["KMS calls", number(k.calls)], ["of them failed", number(k.failed), k.failed > 0], ["KMS calls saved", number(k.saved)]]
    .map(([a, b, look]) => [cell(a), cell(b, "n" + (look ? " due" : ""))]));
  rows("buckets", (r.buckets || []).map(b => [code(b.name, "l"), cell(b.kind, "t"), cell(b.default, "t"), code(b.key, "l")]), r.bucketsWhy ? "" : "no buckets yet");
  if (r.bucketsWhy) note("buckets", "They can't be listed: " + r.bucketsWhy);
  if (r.moreBuckets) note("buckets", "… and more");
  rows("refusals", (r.refusals || []).map(x => [code(x.row, "t"), cell(x.why, "w dim"), cell(number(x.count), "n", "times")]), "none");
  rows("facts", (r.facts || []).map(f => [cell(f.name, "dim"), cell(f.value, "w" + (f.bad ? " due" : ""))]));
  $("tokenLabel").hidden = !r.token;
  document.forms.drop.elements.token.required = r.token;
}

async function ask() {
  let r;
  try {
    const answer = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(4000) });
    if (!answer.ok) throw new Error(answer.status + " " + answer.statusText);
    r = await answer.json();
  } catch (e) {
    stuck = stuck || Date.now();
    $("ready").textContent = "unreachable"; $("ready").className = "pill bad";
    document.title = "✖ Sealfront";
    document.body.classList.add("stale");
    say([{ level: "bad", text: "This replica doesn't answer, for " + span((Date.now() - stuck) / 1000), why: String(e.message || e) }]);
  }
  const beingRead = r && [r.bucketsWhy, r.replicasWhy].includes("it is being read");
  setTimeout(ask, beingRead ? 500 : 5000);
  if (r) show(r);
}

document.forms.drop.addEventListener("submit", event => {
  event.preventDefault();
  const key = event.target.elements.key.value.trim();
  $("confirmText").textContent = "Every replica forgets " + (key ? "the bucket keys under " + key : "all bucket keys") + ". Each bucket in use then costs a call of KMS, and fails while KMS is away.";
  $("dropped").textContent = "";
  $("confirm").showModal();
});
$("confirmNo").addEventListener("click", () => $("confirm").close());
$("confirmYes").addEventListener("click", async () => {
  $("confirm").close();
  const form = document.forms.drop.elements, key = form.key.value.trim(), token = form.token.value;
  const say = (text, level) => { $("dropped").textContent = text; $("dropped").className = level; };
  say("dropping…", "dim");
  try {
    const answer = await fetch("keys/drop" + (key ? "?kms-key=" + encodeURIComponent(key) : ""),
      token ? { method: "POST", credentials: "omit", headers: { Authorization: "Bearer " + token } } : { method: "POST" });
    say(answer.ok ? "dropped at " + utc(Date.now()) + " UTC" : answer.status + ": " + (await answer.text()).trim(), answer.ok ? "good" : "bad");
  } catch (e) { say(String(e.message || e), "bad"); }
  form.token.value = "";
});
document.forms.explain.addEventListener("submit", async event => {
  event.preventDefault();
  const form = event.target.elements, q = new URLSearchParams();
  for (const name of ["operation", "bucket", "key", "principal"]) if (form[name].value.trim()) q.set(name, form[name].value.trim());
  for (const line of form.header.value.split("\n")) if (line.trim()) q.append("header", line.trim());
  for (const name of ["long-term", "http"]) if (form[name].checked) q.set(name, "");
  const out = $("explanation");
  out.hidden = false;
  out.textContent = "asking…";
  try {
    const answer = await fetch("explain?" + q, { cache: "no-store" });
    out.textContent = (await answer.text()).trim();
  } catch (e) { out.textContent = String(e.message || e); }
});
addEventListener("resize", () => { if (last) drawCharts(last); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const id in charts) { charts[id].plot.destroy(); charts[id].none.remove(); delete charts[id]; }
  if (last) drawCharts(last);
});
ask();
