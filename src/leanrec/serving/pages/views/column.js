/** One list of recommendations with its settings, its movement and its panel. */

import { announce, element, nextNumber, prefersStillness } from "../dom.js";
import { filtersOf } from "../facets.js";
import { countMoves } from "../movement.js";
import { words } from "../words.js";
import { createItem } from "./item.js";
import { keepingFocus, sliding } from "./list_changes.js";
import { stagesPanel } from "./stages.js";
import { alarmFor } from "./trouble.js";

const NAMED = 3;

/**
 * A column of the page.
 * @param {number} index 0 for the first list, 1 for the second
 * @param {Object} actions
 * @param {{openSimilar: function(Object, string): void, enterKey: function(): void}} wishes
 * @returns {{root: HTMLElement, show: function(Object): void}}
 */
export function createColumn(index, actions, { openSimilar, enterKey }) {
  const id = `column-${nextNumber()}`;
  const heading = element("h2", { class: "visually-hidden", id, tabindex: "-1" }, words(index ? "column.list.second" : "column.list.first"));
  const settings = createSettings(index, actions);
  const status = element("div", { class: "column-status" });
  const list = element("ol", { class: "items" });
  const message = element("div", {});
  const panel = element("div", { class: "column-panel" });
  const body = element("div", { class: "column-body" }, element("div", {}, status, message, list), panel);
  const root = element("section", { class: "column", "aria-labelledby": id }, heading, settings.root, body);
  const rows = new Map();
  let shownColumn = null;
  let shownOther = null;

  function show(state) {
    const column = state.columns[index];
    const other = state.isComparing ? state.columns[1 - index].answer : null;
    settings.show(state);
    if (column === shownColumn && other === shownOther && rows.size) return;
    const isFresh = column.answer !== shownColumn?.answer;
    [shownColumn, shownOther] = [column, other];
    root.setAttribute("aria-busy", String(column.status === "loading"));
    status.replaceChildren(...statusNodes(state, column, other));
    message.replaceChildren(...messageNodes(state, column));
    showItems(state, column, other, isFresh);
    if (isFresh) panel.replaceChildren(...(column.answer ? [panelFor(column)] : []));
    if (isFresh && column.answer && index === 0) announce(spokenSummary(state, column));
  }

  function messageNodes(state, column) {
    if (column.status === "failed") return [alarmFor(column.error, { retry: actions.start, enterKey })];
    if (!column.answer) return [element("p", { class: "message soft" }, words("column.loading"))];
    return column.answer.items.length ? [] : [emptyMessage(state, actions)];
  }

  function panelFor(column) {
    return stagesPanel(column.answer, column.roundTripMs, words(index ? "stages.heading.second" : "stages.heading"));
  }

  function showItems(state, column, other, isFresh) {
    const items = column.answer?.items ?? [];
    const otherRanks = new Map((other?.items ?? []).map((item, rank) => [item.item_id, rank + 1]));
    const shares = sharesOf(items);
    const draw = () => {
      for (const [itemId, row] of rows) {
        if (items.some((item) => item.item_id === itemId)) continue;
        row.root.remove();
        rows.delete(itemId);
      }
      items.forEach((item, place) => {
        const row = rows.get(item.item_id) ?? createItem({ act, openSimilar: (chosen) => openSimilar(chosen, column.answer.model) });
        rows.set(item.item_id, row);
        row.show(item, {
          rank: place + 1, mark: column.movement?.marks.get(item.item_id), share: shares[place],
          otherRank: otherRanks.get(item.item_id), acts: state.acts.get(item.item_id),
        });
        if (list.children[place] !== row.root) list.insertBefore(row.root, list.children[place] ?? null);
      });
    };
    list.hidden = items.length === 0;
    keepingFocus(list, heading, () => (isFresh && column.movement && !prefersStillness() ? sliding(list, draw) : draw()));
  }

  function act(kind, item) {
    actions.act(kind, item, shownColumn.answer?.request_id);
  }

  return { root, show };
}

function createSettings(index, actions) {
  const model = element("select", { "data-setting": "model", on: { change: (event) => actions.setColumn(index, { model: event.target.value }) } });
  const modelLabel = element("span", {});
  const asked = element(
    "select", { "data-setting": "for", on: { change: (event) => actions.setColumn(index, { forStranger: event.target.value === "stranger" }) } },
    ...["person", "stranger"].map((who) => element("option", { value: who }, words(`column.for.${who}`))),
  );
  const seen = element("input", { type: "checkbox", "data-setting": "seen", on: { change: (event) => actions.setColumn(index, { includeSeen: event.target.checked }) } });
  const askedField = element("label", { class: "inline" }, element("span", {}, words("column.for")), asked);
  const root = element(
    "div", { class: "column-settings" },
    element("label", { class: "inline" }, modelLabel, model), askedField,
    element("label", { class: "inline check" }, seen, element("span", {}, words("column.seen"))),
  );
  let shownModels = null;

  function show({ models, columns, isComparing }) {
    if (models !== shownModels) {
      shownModels = models;
      model.replaceChildren(...models.map(({ name }) => element("option", { value: name }, name)));
    }
    modelLabel.textContent = words(isComparing ? (index ? "column.model.second" : "column.model.first") : "column.model");
    model.value = columns[index].model;
    asked.value = columns[index].forStranger ? "stranger" : "person";
    askedField.hidden = !isComparing;
    seen.checked = columns[index].includeSeen;
  }
  return { root, show };
}

function statusNodes(state, column, other) {
  const nodes = [];
  if (column.answer?.cold) {
    nodes.push(element("p", { class: "cold" }, element("strong", { class: "cold-mark" }, words("cold.mark")), " ", words("cold.text")));
  }
  if (column.movement && state.cause) nodes.push(element("p", { class: "movement" }, ...movementNodes(state.cause, column.movement)));
  if (other && column.answer) {
    const ids = new Set(other.items.map((item) => item.item_id));
    const shared = column.answer.items.filter((item) => ids.has(item.item_id)).length;
    nodes.push(element("p", { class: "small soft" }, words("column.shared", { n: shared, total: column.answer.items.length })));
  }
  return nodes;
}

function movementNodes(cause, movement) {
  const parts = movementParts(movement);
  return [element("strong", {}, words(`moved.after.${cause.kind}`, { title: cause.title ?? "" })), `: ${parts.join(" · ")}`];
}

function movementParts({ marks, left }) {
  const parts = Object.entries(countMoves(marks)).filter(([, n]) => n > 0).map(([kind, n]) => words(`moved.count.${kind}`, { n }));
  if (left.length) parts.push(words("moved.count.left", { titles: namesOf(left) }));
  return parts.length ? parts : [words("moved.nothing")];
}

/** The first titles; there may be many. */
function namesOf(items) {
  const titles = items.slice(0, NAMED).map((item) => item.title || item.item_id).join("; ");
  return items.length > NAMED ? words("moved.more", { titles, n: items.length - NAMED }) : titles;
}

function spokenSummary(state, column) {
  const { items, cold } = column.answer;
  if (column.movement && state.cause) return movementNodes(state.cause, column.movement).map((node) => node.textContent ?? node).join("");
  const first = items.length ? words("spoken.first", { title: items[0].title || items[0].item_id }) : words("empty.heading");
  return [words("spoken.answer", { n: items.length }), first, cold ? words("cold.mark") : ""].filter(Boolean).join(" ");
}

function emptyMessage(state, actions) {
  const hasFilters = filtersOf(state.chosen).length > 0;
  const clear = () => {
    document.getElementById("answers").focus();
    actions.clearFilters();
  };
  return element(
    "div", { class: "message" },
    element("p", { class: "message-title" }, words("empty.heading")),
    element("p", {}, words(hasFilters ? "empty.filters" : "empty.rest")),
    hasFilters && element("button", { type: "button", class: "button", on: { click: clear } }, words("filters.clear")),
  );
}

/** Scores as shares of the best; where some are below zero, of the range. */
function sharesOf(items) {
  const scores = items.map((item) => item.score);
  const [low, high] = [Math.min(0, ...scores), Math.max(...scores)];
  return scores.map((value) => (high > low ? (value - low) / (high - low) : 1));
}
