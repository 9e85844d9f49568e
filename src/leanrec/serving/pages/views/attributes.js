/** Attributes of an item in a few words. */

import { number } from "../words.js";

const MOST_PARTS = 6;
const LONGEST_TEXT = 40;

/**
 * The attributes on one line: words as they are, figures with their name, long texts left out.
 * @param {Object<string, unknown>} [attributes]
 * @returns {string}
 */
export function attributesInWords(attributes = {}) {
  const parts = Object.entries(attributes).flatMap(([name, value]) => partsOf(name, value));
  return parts.slice(0, MOST_PARTS).join(" · ");
}

/**
 * An attribute's name as people write it.
 * @param {string} name
 * @returns {string}
 */
export function attributeName(name) {
  const spaced = name.replaceAll("_", " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

function partsOf(name, value) {
  if (value === null || value === undefined || value === "") return [];
  if (Array.isArray(value)) return value.map(String);
  if (typeof value === "number") {
    const figure = number(value, { maximumFractionDigits: 2, useGrouping: false });
    return [/year/i.test(name) ? figure : `${name.replaceAll("_", " ")} ${figure}`];
  }
  const text = String(value);
  return text.length > LONGEST_TEXT || /^https?:/.test(text) ? [] : [text];
}
