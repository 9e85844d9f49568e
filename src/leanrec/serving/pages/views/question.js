/** How much is asked for: number of items, one list or two. */

import { element, icon } from "../dom.js";
import { number, words } from "../words.js";

const SIZES = [5, 10, 20, 50];

/**
 * Mount the controls above the lists.
 * @param {HTMLElement} root
 * @param {Object} state
 * @param {Object} actions
 * @returns {function(Object): void} shows a state
 */
export function mountQuestion(root, state, actions) {
  const sizes = SIZES.map((size) => element("option", { value: size, selected: size === state.k }, number(size)));
  const select = element("select", { id: "num-items", on: { change: (event) => actions.setK(Number(event.target.value)) } }, ...sizes);
  const turn = () => actions.setComparing(compare.getAttribute("aria-pressed") !== "true");
  const pressing = { type: "button", class: "button", id: "compare", on: { click: turn } };
  const compare = element("button", pressing, icon("compare"), words("question.compare"));
  root.replaceChildren(element("label", { class: "inline" }, element("span", {}, words("question.k")), select), compare);

  function show({ isComparing }) {
    compare.setAttribute("aria-pressed", String(isComparing));
  }
  show(state);
  return show;
}
