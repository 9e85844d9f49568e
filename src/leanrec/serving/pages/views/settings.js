/** The settings of one list: which model answers, for whom, and whether seen items may come again. */

import { element } from "../dom.js";
import { words } from "../words.js";

/**
 * The settings above a list.
 * @param {number} index 0 for the first list, 1 for the second
 * @param {Object} actions
 * @returns {{root: HTMLElement, show: function(Object): void}}
 */
export function createSettings(index, actions) {
  const set = (settings) => actions.setColumn(index, settings);
  const model = element("select", { "data-setting": "model", on: { change: (event) => set({ model: event.target.value }) } });
  const modelLabel = element("span", {});
  const asked = element(
    "select", { "data-setting": "for", on: { change: (event) => set({ forStranger: event.target.value === "stranger" }) } },
    ...["person", "stranger"].map((who) => element("option", { value: who }, words(`column.for.${who}`))),
  );
  const seen = element("input", { type: "checkbox", "data-setting": "seen", on: { change: (event) => set({ includeSeen: event.target.checked }) } });
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
