/** The panel that shows what each stage of the pipeline did, and how long it took. */

import { bar, element, spokenOnly } from "../dom.js";
import { noteInWords } from "../sentences.js";
import { milliseconds, number, words } from "../words.js";

/**
 * The panel for one answer.
 * @param {Object} answer
 * @param {number} roundTripMs
 * @param {string} heading
 * @returns {HTMLElement}
 */
export function stagesPanel(answer, roundTripMs, heading) {
  const lines = linesOf(answer);
  const slowest = Math.max(...lines.map((line) => line.ms), 1e-9);
  const total = answer.timings_ms?.total ?? lines.reduce((sum, line) => sum + line.ms, 0);
  return element(
    "section", { class: "stages", "aria-label": heading },
    element("h3", { class: "label" }, heading),
    element("p", { class: "stages-total" }, element("strong", {}, milliseconds(total)), " ", element("span", {}, words("stages.server"))),
    element("p", { class: "small soft" }, words("stages.roundTrip", { ms: milliseconds(roundTripMs) })),
    element("table", {}, head(), element("tbody", {}, ...lines.map((line) => row(line, slowest)))),
    element("p", { class: "small soft version" }, `${answer.model} · ${words("stages.version", { version: answer.model_version })}`),
  );
}

/** Every stage that ran, then the timings that belong to no stage. */
function linesOf({ stages = [], timings_ms: timings = {} }) {
  const listed = stages.map((stage) => ({ ...stage, ms: stage.ms ?? 0 }));
  const names = new Set(listed.map((stage) => stage.name.split(/[:. ]/)[0]));
  const rest = Object.entries(timings).filter(([name]) => name !== "total" && !names.has(name));
  const before = rest.filter(([name]) => name === "history");
  const after = rest.filter(([name, ms]) => name !== "history" && ms > 0);
  const asLine = ([name, ms]) => ({ name, ms });
  return [...before.map(asLine), ...listed, ...after.map(asLine)];
}

function head() {
  const cells = ["stages.stage", "stages.items", "stages.time"].map((key) => element("th", { scope: "col" }, words(key)));
  return element("thead", {}, element("tr", {}, ...cells));
}

function row(line, slowest) {
  const hasCounts = typeof line.in === "number" && typeof line.out === "number";
  return element(
    "tr", {},
    element("th", { scope: "row" }, stageName(line.name), line.note && element("span", { class: "stage-note" }, noteInWords(line.note))),
    element("td", { class: "stage-counts" }, ...(hasCounts ? counts(line) : [])),
    element("td", { class: "stage-time" }, milliseconds(line.ms), bar(line.ms / slowest)),
  );
}

function counts(line) {
  const spoken = spokenOnly(words("stages.inOut", { in: line.in, out: line.out }));
  return [element("span", { "aria-hidden": "true" }, `${number(line.in)} → ${number(line.out)}`), spoken];
}

function stageName(name) {
  const [first, ...rest] = name.split(":");
  const known = words(`stage.${first}`);
  const shown = known === `stage.${first}` ? first : known;
  return rest.length ? `${shown} ${rest.join(":")}` : shown;
}
