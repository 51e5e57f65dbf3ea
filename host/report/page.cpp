// SPDX-License-Identifier: MIT
#include "host/report/page.h"

#include "host/text/html.h"

namespace vae {
namespace {

std::string_view page_style() {
  return R"css(
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #16191d; --quiet: #626b76; --rule: #e3e6ea;
  --train: #8a94a3; --validation: #d9730d; --test: #2f6fed; --bar: #2f6fed;
  --good: #1a7f4b; --bad: #c0362c; --shadow: 0 1px 2px rgba(16, 24, 40, .06);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101317; --card: #181c22; --text: #e7eaee; --quiet: #98a2ae; --rule: #2a3038;
    --train: #7d8896; --validation: #f0a35e; --test: #6fa1ff; --bar: #6fa1ff;
    --good: #5cc98f; --bad: #ff8a80; --shadow: none;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { margin: 0 0 4px; font-size: 28px; line-height: 1.2; letter-spacing: -.015em;
  overflow-wrap: anywhere; }
h2 { margin: 44px 0 14px; font-size: 18px; letter-spacing: -.01em; }
p { margin: 0; }
.lead, .note, figcaption { color: var(--quiet); }
.note { margin-top: 12px; font-size: 13.5px; max-width: 75ch; }
.status { margin-top: 16px; padding: 10px 14px; border: 1px solid var(--rule);
  border-left: 4px solid var(--quiet); border-radius: 8px; background: var(--card);
  overflow-wrap: anywhere; }
.status.running { border-left-color: var(--test); }
.status.finished { border-left-color: var(--good); }
.status.diverged, .status.failed, .status.dead { border-left-color: var(--bad); }
.status .bar { height: 4px; margin-top: 8px; border-radius: 2px; background: var(--rule); }
.status .bar > i { display: block; height: 100%; border-radius: 2px; background: var(--test); }
code { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.cards { display: grid; gap: 12px; margin-top: 20px;
  grid-template-columns: repeat(auto-fit, minmax(148px, 1fr)); }
.card, .plot, .picture, .table { background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px; box-shadow: var(--shadow); }
.card { padding: 14px 16px; }
.card .name { color: var(--quiet); font-size: 13px; }
.card .value { font-size: 25px; font-weight: 620; letter-spacing: -.02em; line-height: 1.35; }
.card .unit { color: var(--quiet); font-size: 13px; font-weight: 400; letter-spacing: 0; }
.card .more { color: var(--quiet); font-size: 12.5px; overflow-wrap: anywhere; }
.plots, .pair { display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); }
figure { margin: 0; min-width: 0; }
.plot { padding: 12px 12px 8px; }
.plot.wide { grid-column: 1 / -1; }
.plot figcaption { display: flex; flex-wrap: wrap; gap: 2px 18px; padding: 0 4px 8px; }
.plot figcaption b { flex: 1 1 auto; color: var(--text); font-size: 14px; font-weight: 600; }
.key { display: inline-flex; align-items: center; gap: 6px; font-size: 12.5px;
  overflow-wrap: anywhere; }
.key svg { width: 22px; height: 8px; flex: none; }
.plot > svg { display: block; width: 100%; height: auto; font-family: inherit; }
.plot > svg > svg { overflow: hidden; }
.plot > .narrow { display: none; }
svg text { fill: var(--quiet); font-size: 12px; }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg .axis { stroke: var(--quiet); stroke-width: 1; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.curve.train { stroke: var(--train); stroke-dasharray: 5 4; }
.curve.validation { stroke: var(--validation); } .dot.validation { fill: var(--validation); }
.curve.test, .curve.single { stroke: var(--test); }
.dot.train { fill: var(--train); } .dot.test, .dot.single { fill: var(--test); }
.target { fill: transparent; } .target:hover { fill: var(--test); fill-opacity: .25; }
.bar { fill: var(--bar); } .bar:hover { opacity: .7; }
.picture { padding: 12px; margin-bottom: 14px; }
.picture img { display: block; width: 100%; height: auto; border-radius: 4px; }
.picture figcaption { padding: 0 2px 10px; font-size: 13.5px; }
.picture figcaption b { color: var(--text); font-weight: 600; }
.half { max-width: 620px; }
.epochs { position: sticky; top: 0; z-index: 1; display: flex; align-items: center; gap: 12px;
  margin-bottom: 14px; padding: 10px 14px; background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px; box-shadow: var(--shadow); }
.epochs[hidden] { display: none; }
.epochs input { flex: 1; min-width: 0; height: 28px; margin: 0; accent-color: var(--test); }
.epochs button { flex: none; width: 36px; height: 32px; border: 1px solid var(--rule);
  border-radius: 8px; background: var(--page); color: var(--text); font-size: 13px;
  cursor: pointer; }
.epochs output { flex: none; min-width: 86px; text-align: right; font-size: 13.5px; }
.table { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 8px 16px; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); }
tr:last-child > * { border-bottom: 0; }
th { color: var(--quiet); font-weight: 500; white-space: nowrap; }
.settings th { width: 190px; }
.settings td { overflow-wrap: anywhere; }
.numbers th, .numbers td { text-align: right; white-space: nowrap; }
.numbers tr.best { font-weight: 650; }
.compared th:first-child { text-align: left; }
.table .key, .lead .key, .picture .key { font-size: inherit; color: var(--text); }
.lead .key { margin-right: 14px; }
.note + .pair { margin-top: 14px; }
.numbers td.missing { text-align: left; color: var(--quiet); }
details { margin-top: 14px; }
summary { cursor: pointer; color: var(--quiet); padding: 6px 0; }
pre { margin: 0; padding: 14px 16px; overflow-x: auto; font: 13px/1.5 ui-monospace, "SF Mono",
  Menlo, Consolas, "DejaVu Sans Mono", monospace; }
footer { margin-top: 44px; color: var(--quiet); font-size: 13px; }
@media (max-width: 640px) {
  main { padding: 22px 12px 40px; }
  h1 { font-size: 22px; } h2 { margin-top: 32px; }
  .plot > .roomy { display: none; } .plot > .narrow { display: block; }
  .plot { padding: 12px 8px 6px; } .picture { padding: 10px 8px 8px; }
  th, td { padding: 7px 10px; }
  .settings tr { display: block; padding: 7px 0; border-bottom: 1px solid var(--rule); }
  .settings tr:last-child { border-bottom: 0; }
  .settings th, .settings td { display: block; width: auto; padding: 0 12px; border: 0; }
}
)css";
}

}  // namespace

std::string make_page(std::string_view title, const std::string& body,
                      const std::string& more_style, std::string_view script) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>" +
      escape_html(title) + "</title>\n<style>" + std::string(page_style()) + more_style +
      "</style>\n</head>\n<body>\n<main>\n" + body + "</main>\n";
  if (!script.empty()) html += "<script>" + std::string(script) + "</script>\n";
  return html + "</body>\n</html>\n";
}

std::string_view report_script() {
  return R"js(
'use strict';
// What the reader has open survives the page's own reloads.
const memory = {
  key: 'vae ' + location.pathname,
  load() {
    try { return JSON.parse(sessionStorage.getItem(this.key)) || {}; } catch (e) { return {}; }
  },
  save(changes) {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(Object.assign(this.load(), changes)));
    } catch (e) { /* a browser that keeps nothing */ }
  },
};
let lastTouch = 0;
for (const kind of ['pointerdown', 'input', 'keydown']) {
  addEventListener(kind, () => { lastTouch = Date.now(); });
}

document.querySelectorAll('details').forEach((details, index) => {
  details.open = (memory.load().open || []).includes(index);
  details.addEventListener('toggle', () => {
    const all = [...document.querySelectorAll('details')];
    memory.save({open: all.map((d, i) => (d.open ? i : -1)).filter((i) => i >= 0)});
  });
});

// The slider: the newest pictures are in the page, earlier ones lie in images/ beside it.
(() => {
  const bar = document.querySelector('.epochs');
  if (!bar) return;
  const range = bar.querySelector('input'), output = bar.querySelector('output');
  const button = bar.querySelector('button');
  const epochs = bar.dataset.epochs.split(' ');
  const last = epochs.length - 1;
  const figures = [...document.querySelectorAll('[data-files]')].map((figure) => ({
    files: figure.dataset.files.split(' '), image: figure.querySelector('img'),
    text: figure.querySelector('.epoch'), newest: figure.querySelector('img').src,
  }));
  function show(position) {
    range.value = position;
    output.textContent = 'epoch ' + epochs[position];
    for (const {files, image, text, newest} of figures) {
      let at = position;
      while (at > 0 && files[at] === '-') --at;
      const when = 'after epoch ' + epochs[at];
      text.textContent = when;
      image.onerror = () => {
        image.onerror = null;
        image.src = newest;
        text.textContent = 'after epoch ' + epochs[last] + ' (images/' + files[at] +
          ' is not beside this page)';
      };
      image.src = at === last ? newest : 'images/' + files[at];
    }
    memory.save({epoch: position === last ? null : epochs[position]});
  }
  range.addEventListener('input', () => show(+range.value));
  let timer = 0;
  function stop() { clearInterval(timer); timer = 0; button.textContent = '\u25b6'; }
  button.addEventListener('click', () => {
    if (timer) { stop(); return; }
    button.textContent = '\u275a\u275a';
    if (+range.value === last) show(0);
    timer = setInterval(() => {
      lastTouch = Date.now();
      if (+range.value >= last) stop(); else show(+range.value + 1);
    }, 350);
  });
  range.addEventListener('pointerdown', stop);
  bar.hidden = false;
  const kept = epochs.indexOf(memory.load().epoch);
  if (kept >= 0) show(kept);
})();

// News of a run that goes on. A killed one cannot say so: after some time without a sign of life
// the page says it and looks no more.
(() => {
  const status = document.querySelector('.status[data-alive]');
  if (!status) return;
  const alive = status.dataset.alive * 1000, patience = status.dataset.patience * 1000;
  let seen = memory.load().seen;  // by this clock, where the run's machine has another one
  if (!seen || seen.alive !== alive) memory.save({seen: seen = {alive, at: Date.now()}});
  function look() {
    const silence = Date.now() - Math.min(alive, seen.at);
    if (silence > patience) {
      const minutes = Math.round(silence / 60000);
      status.className = 'status dead';
      status.querySelector('.words').textContent = 'No sign of life for ' +
        (minutes < 120 ? minutes + ' minutes' : Math.round(minutes / 60) + ' hours') +
        ': the run looks dead, and this page looks for news no more. Reload it to look again. ';
      status.querySelector('.resume').hidden = false;
      return;
    }
    const busy = document.hidden || Date.now() - lastTouch < 4000;
    if (busy) setTimeout(look, 1000); else location.reload();
  }
  setTimeout(look, 5000);
})();
)js";
}

}  // namespace vae
