/**
 * The site's HTTP interface: Frappe's own, with a few methods of the demo's.
 */

/** A refusal or failure that the site put into one sentence. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<any>}
 */
async function request(path, init) {
  let response;
  try {
    response = await fetch(path, { headers: { Accept: "application/json" }, ...init });
  } catch {
    throw new ApiError("The site does not answer. Is it still running?", 0);
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new ApiError(body.message || `The site answered ${response.status}.`, response.status);
}

/** @param {string} method @param {Record<string, any> | FormData} [values] */
async function call(method, values = {}) {
  const body = values instanceof FormData ? values : new URLSearchParams(values);
  return (await request(`/api/method/${method}`, { method: "POST", body })).message;
}

/** @param {string} usr */
export const login = (usr) => call("login", { usr, pwd: "demo" });
export const logout = () => call("logout");

export const countToHundred = () => call("presence_progress.demo.count_to_hundred");
export const deleteAirports = () => call("presence_progress.demo.delete_airports");

/** @param {File} [file] none imports the airports that come with the demo */
export function importAirports(file) {
  const form = new FormData();
  if (file) form.append("file", file);
  return call("presence_progress.demo.import_csv", form);
}

const LIST_FIELDS = ["name", "iata", "airport_name", "city", "country"];

/**
 * One page of the list, and how many rows there are on all of them.
 *
 * @param {{ search: string, start: number, length: number }} page
 * @returns {Promise<{ rows: any[], total: number }>}
 */
export async function listAirports({ search, start, length }) {
  const list = new URLSearchParams({
    fields: JSON.stringify(LIST_FIELDS),
    order_by: "name asc",
    limit_start: String(start),
    limit_page_length: String(length),
    search,
  });
  const count = new URLSearchParams({ doctype: "Airport", search });
  const [{ data }, { message }] = await Promise.all([
    request(`/api/resource/Airport?${list}`),
    request(`/api/method/frappe.client.get_count?${count}`),
  ]);
  return { rows: data, total: message };
}

/** @param {string} icao */
export async function getAirport(icao) {
  return (await request(`/api/resource/Airport/${encodeURIComponent(icao)}`)).data;
}

/** @param {string} icao @param {Record<string, any>} values */
export async function saveAirport(icao, values) {
  const answer = await request(`/api/resource/Airport/${encodeURIComponent(icao)}`, {
    method: "PUT",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify(values),
  });
  return answer.data;
}
