/** Elements without a framework: build, replace, show icons. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Build an element.
 * @param {string} tag
 * @param {Object<string, unknown>} [properties] attributes; `on` holds listeners; `false`, `null` and `undefined` are left out
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (value !== false && value !== null && value !== undefined) {
      made.setAttribute(name, value === true ? "" : String(value));
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/**
 * An icon of `icons.svg`; it is decoration, the words stand beside it.
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/**
 * A bar whose length is a share of its track. The style goes through the object model, which a strict content policy allows.
 * @param {number} share 0 to 1
 * @returns {HTMLElement}
 */
export function bar(share) {
  const made = element("span", { class: "bar", "aria-hidden": "true" });
  made.style.setProperty("--share", String(Math.min(1, Math.max(0, share))));
  return made;
}

/**
 * Text that only screen readers get.
 * @param {string} text
 * @returns {HTMLElement}
 */
export function spokenOnly(text) {
  return element("span", { class: "visually-hidden" }, text);
}

/**
 * A number that no other element of the page has, for ids.
 * @returns {number}
 */
export const nextNumber = ((count) => () => (count += 1))(0);

/**
 * Say something to screen readers without moving the focus.
 * @param {string} text
 */
export function announce(text) {
  document.getElementById("spoken").textContent = text;
}

/**
 * Whether there is room beside the list, so that what can be folded may stand open.
 * @returns {boolean}
 */
export function isWide() {
  return matchMedia("(min-width: 56rem)").matches;
}

/**
 * Whether the person wants things to hold still.
 * @returns {boolean}
 */
export function prefersStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
