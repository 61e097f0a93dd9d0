/**
 * What the elements say in the page's language: Frappe's web pages have a `__`, and no app's
 * translations to it.
 */
const URL = "/api/method/presence_progress.site.languages.messages";
const PATIENCE_MS = 3_000;

/** Asks the site for them; without an answer the elements are English, and no later for it. */
export async function learnLanguage() {
  const { frappe } = /** @type {any} */ (window);
  const [language] = document.documentElement.lang.toLowerCase().split("-");
  if (!frappe || !language || language === "en") return;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(`${URL}?language=${encodeURIComponent(language)}`, { signal });
    const { message } = await answer.json();
    // What the page has in its own words stays.
    frappe._messages = { ...message, ...frappe._messages };
  } catch {
    // A site without them, or none that answers.
  }
}
