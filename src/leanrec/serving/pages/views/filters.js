/** Filters on the attributes that the items carry. */

import { element, isWide, nextNumber } from "../dom.js";
import { filtersOf } from "../facets.js";
import { words } from "../words.js";
import { attributeName } from "./attributes.js";

/**
 * Mount the filters card.
 * @param {HTMLElement} root
 * @param {Object} state
 * @param {Object} actions
 * @returns {function(Object): void} shows a state
 */
export function mountFilters(root, state, actions) {
  const groups = element("div", { class: "facets" });
  const count = element("p", { class: "small soft", role: "status" });
  const clear = element("button", { type: "button", class: "button button-quiet", on: { click: clearAll } }, words("filters.clear"));
  root.replaceChildren(groups, element("div", { class: "facets-foot" }, count, clear));
  let shownFacets = null;
  let numShown = 0;
  const card = root.closest("details");
  if (isWide()) card.open = true;

  function clearAll() {
    actions.clearFilters();
    card.querySelector("summary").focus();
  }

  function show(next) {
    const numActive = filtersOf(next.chosen).length;
    const isCleared = numShown > 0 && Object.keys(next.chosen).length === 0;
    numShown = numActive;
    if (next.facets !== shownFacets || isCleared) {
      shownFacets = next.facets;
      groups.replaceChildren(...next.facets.map((facet, index) => facetGroup(facet, next.chosen[facet.name], actions, isWide() && index < 3)));
    }
    clear.hidden = numActive === 0;
    const hasNone = next.facets.length === 0 && next.models.length > 0;
    count.textContent = hasNone ? words("filters.none") : numActive ? words("filters.active", { n: numActive }) : "";
  }

  show(state);
  return show;
}

function facetGroup(facet, choice, actions, isOpen) {
  const body = facet.kind === "words" ? wordChoices(facet, choice, actions) : numberRange(facet, choice, actions);
  return element("details", { class: "facet", open: isOpen }, element("summary", {}, attributeName(facet.name)), body);
}

function wordChoices({ name, values }, choice = {}, actions) {
  const boxes = values.map((value) =>
    element("input", { type: "checkbox", id: `facet-${nextNumber()}`, value, checked: choice.words?.includes(value), on: { change: send } }),
  );
  function send() {
    actions.filter(name, { words: boxes.filter((box) => box.checked).map((box) => box.value) });
  }
  return element(
    "fieldset", { class: "toggles" }, element("legend", { class: "visually-hidden" }, attributeName(name)),
    ...boxes.map((box) => element("span", { class: "toggle" }, box, element("label", { for: box.id }, box.value))),
  );
}

function numberRange({ name, low, high }, choice = {}, actions) {
  const label = attributeName(name);
  const field = (end, placeholder) =>
    element("input", {
      type: "number", step: "any", inputmode: "decimal", placeholder: String(placeholder), value: choice[end] ?? "",
      "aria-label": words(end === "low" ? "filters.from" : "filters.to", { name: label }), on: { change: send },
    });
  const from = field("low", low);
  const to = field("high", high);
  function send() {
    actions.filter(name, { low: from.value, high: to.value });
  }
  return element(
    "div", { class: "range" },
    element("span", { "aria-hidden": "true" }, words("filters.from.short")), from,
    element("span", { "aria-hidden": "true" }, words("filters.to.short")), to,
  );
}
