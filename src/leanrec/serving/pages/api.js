/** The server's HTTP interface, version 1: one function for each question. */

const TIMEOUT_SECONDS = 15;
const KEY_NAME = "leanrec.key";

/**
 * A question that got no good answer. `kind` says which words to show.
 * @typedef {"unreachable"|"slow"|"key"|"notReady"|"busy"|"server"} Trouble
 */
export class ApiError extends Error {
  /**
   * @param {Trouble} kind
   * @param {{status?: number, problem?: Object<string, string>, seconds?: number}} [facts] `problem` is the server's RFC 9457 document
   */
  constructor(kind, { status = 0, problem = {}, seconds = TIMEOUT_SECONDS } = {}) {
    super(problem.detail || problem.title || kind);
    this.kind = kind;
    this.status = status;
    this.problem = problem;
    this.seconds = seconds;
  }
}

/**
 * Use this key from now on, in this tab only; an empty text forgets it.
 * @param {string} key
 */
export function setKey(key) {
  try {
    if (key) sessionStorage.setItem(KEY_NAME, key);
    else sessionStorage.removeItem(KEY_NAME);
  } catch {
    heldKey = key;
  }
}

let heldKey = "";

/**
 * The key in use, or an empty text.
 * @returns {string}
 */
export function key() {
  try {
    return sessionStorage.getItem(KEY_NAME) ?? heldKey;
  } catch {
    return heldKey;
  }
}

/**
 * An id that no other event has. `randomUUID` exists only on secure origins; plain http in a local network is none.
 * @returns {string}
 */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The models that answer, the default one first.
 * @returns {Promise<Array<{name: string, version: string, kind: string, is_default: boolean}>>}
 */
export async function listModels() {
  const { models } = await ask("v1/models");
  return [...models].sort((one, other) => Number(other.is_default) - Number(one.is_default));
}

/**
 * Users whose id holds the text.
 * @param {string} text
 * @param {AbortSignal} [signal]
 * @returns {Promise<Array<{user_id: string, num_events: number}>>}
 */
export async function searchUsers(text, signal) {
  return (await ask(`v1/users?${query({ search: text, limit: 12 })}`, { signal })).users;
}

/**
 * Items whose title holds the text.
 * @param {string} text
 * @param {{limit?: number, signal?: AbortSignal}} [options]
 * @returns {Promise<Array<{item_id: string, title: string, attributes: Object<string, unknown>}>>}
 */
export async function searchItems(text, { limit = 12, signal } = {}) {
  return (await ask(`v1/items?${query({ search: text, limit })}`, { signal })).items;
}

/**
 * Items near a text, the nearest first.
 * @param {string} text
 * @param {{limit?: number, signal?: AbortSignal}} [options]
 * @returns {Promise<Array<{item_id: string, title: string, attributes: Object<string, unknown>}>>}
 */
export async function findItems(text, { limit = 12, signal } = {}) {
  return (await ask(`v1/items?${query({ like: text, limit })}`, { signal })).items;
}

/**
 * What a user did, newest first.
 * @param {string} userId
 * @param {number} limit
 * @returns {Promise<{events: Array<Object<string, unknown>>, known: boolean}>}
 */
export function userHistory(userId, limit) {
  return ask(`v1/users/${encodeURIComponent(userId)}/history?${query({ limit })}`);
}

/**
 * Forget everything stored of a user.
 * @param {string} userId
 * @returns {Promise<void>}
 */
export function forgetUser(userId) {
  return ask(`v1/users/${encodeURIComponent(userId)}`, { method: "DELETE" });
}

/**
 * A list for somebody.
 * @param {Object<string, unknown>} question the body of `POST /v1/recommend`
 * @returns {Promise<Object>}
 */
export function recommend(question) {
  return ask("v1/recommend", { method: "POST", body: question });
}

/**
 * Store events; sending one twice counts it once.
 * @param {Array<Object<string, unknown>>} events
 * @returns {Promise<{accepted: number, duplicates: number}>}
 */
export function sendEvents(events) {
  return ask("v1/events", { method: "POST", body: { events } });
}

/**
 * The items most like one.
 * @param {string} itemId
 * @param {string} [model]
 * @returns {Promise<{items: Array<Object>, model: string}>}
 */
export function similarItems(itemId, model) {
  return ask(`v1/items/${encodeURIComponent(itemId)}/similar?${query({ k: 10, model })}`);
}

function query(parts) {
  return new URLSearchParams(Object.entries(parts).filter(([, value]) => value !== undefined && value !== ""));
}

async function ask(path, { method = "GET", body, signal } = {}) {
  const timeout = AbortSignal.timeout(TIMEOUT_SECONDS * 1000);
  const response = await fetch(path, {
    method,
    headers: headers(body !== undefined),
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  }).catch((why) => {
    if (signal?.aborted) throw why;
    throw new ApiError(why.name === "TimeoutError" ? "slow" : "unreachable");
  });
  if (!response.ok) throw await troubleOf(response);
  if (response.status === 204) return undefined;
  return response.json().catch(() => {
    throw new ApiError("server", { status: response.status });
  });
}

function headers(hasBody) {
  const sent = { Accept: "application/json" };
  if (hasBody) sent["Content-Type"] = "application/json";
  if (key()) sent.Authorization = `Bearer ${key()}`;
  return sent;
}

async function troubleOf(response) {
  const problem = await response.json().catch(() => ({}));
  const kinds = { 401: "key", 403: "key", 429: "busy", 503: "notReady", 502: "unreachable", 504: "slow" };
  return new ApiError(kinds[response.status] ?? "server", { status: response.status, problem });
}
