/** One list of recommendations with its settings, its movement and its panel. */

import { announce, element, nextNumber, prefersStillness } from "../dom.js";
import { filtersOf } from "../facets.js";
import { words } from "../words.js";
import { createItem } from "./item.js";
import { keepingFocus, sliding } from "./list_changes.js";
import { createSettings } from "./settings.js";
import { stagesPanel } from "./stages.js";
import { spokenSummary, statusNodes } from "./summary.js";
import { alarmFor } from "./trouble.js";

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
    const slides = isFresh && column.movement && !prefersStillness();
    keepingFocus(list, heading, () => (slides ? sliding(list, draw) : draw()));
  }

  function act(kind, item) {
    actions.act(kind, item, shownColumn.answer?.request_id);
  }

  return { root, show };
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
