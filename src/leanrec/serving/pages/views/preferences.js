/** Language and theme. */

import { element, icon } from "../dom.js";
import { LANGUAGES, language, remember, words } from "../words.js";

/**
 * The controls in the masthead.
 * @param {HTMLElement} root
 * @param {{onLanguage: function(string): void}} wishes
 */
export function mountPreferences(root, { onLanguage }) {
  const options = LANGUAGES.map(({ code, name }) => element("option", { value: code, lang: code, selected: code === language() }, name));
  const choosing = { id: "language", "aria-label": words("preferences.language"), on: { change: (event) => onLanguage(event.target.value) } };
  const select = element("select", choosing, ...options);
  const theme = element("button", { id: "theme", type: "button", class: "button button-icon", on: { click: turn } });

  function turn() {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    remember("leanrec.theme", document.documentElement.dataset.theme);
    show();
  }

  function show() {
    const label = words(isDark() ? "preferences.light" : "preferences.dark");
    theme.setAttribute("aria-label", label);
    theme.title = label;
    theme.replaceChildren(icon(isDark() ? "sun" : "moon"));
  }

  matchMedia("(prefers-color-scheme: dark)").onchange = show;
  show();
  root.replaceChildren(select, theme);
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
