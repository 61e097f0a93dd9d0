/** How the gallery is shown; it stands in the address, so that a look can be sent to somebody. */

/** @typedef {Record<string, string>} Settings */

/** The first choice is taken when nothing is said. */
export const SETTINGS = [
  {
    name: "theme",
    label: "Theme",
    choices: [
      ["auto", "System"],
      ["light", "Light"],
      ["dark", "Dark"],
    ],
  },
  {
    name: "dir",
    label: "Direction",
    choices: [
      ["ltr", "Left to right"],
      ["rtl", "Right to left"],
    ],
  },
  {
    name: "width",
    label: "Width",
    choices: [
      ["full", "Full"],
      ["360", "360 px"],
    ],
  },
  {
    name: "lang",
    label: "Language",
    choices: [
      ["en", "English"],
      ["de", "Deutsch"],
    ],
  },
  {
    name: "motion",
    label: "Motion",
    choices: [
      ["live", "Live"],
      ["still", "Still"],
    ],
  },
];

/** @returns {Settings} */
export function readSettings() {
  const asked = new URLSearchParams(window.location.search);
  return Object.fromEntries(
    SETTINGS.map(({ name, choices }) => {
      const known = choices.find(([value]) => value === asked.get(name));
      return [name, (known ?? choices[0])[0]];
    }),
  );
}

/** @param {Settings} settings */
export function dressPage({ theme, dir, lang, motion }) {
  const { documentElement: page } = document;
  page.lang = lang;
  page.dir = dir;
  page.dataset.motion = motion;
  page.dataset.theme = theme;
}

/** @param {Settings} settings */
export function applySettings(settings) {
  const url = new URL(window.location.href);
  for (const { name, choices } of SETTINGS) {
    if (settings[name] === choices[0][0]) url.searchParams.delete(name);
    else url.searchParams.set(name, settings[name]);
  }
  const isOther = settings.lang !== document.documentElement.lang;
  window.history.replaceState(null, "", url);
  // As in Frappe, where a page has one language for as long as it lives.
  if (isOther) window.location.reload();
  else dressPage(settings);
}
