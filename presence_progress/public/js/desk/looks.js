/**
 * How our components sit in Desk; how they look is theirs (components/styles.js).
 */
const css = /* css */ `
.pp-desk-viewers { display: flex; align-items: center; min-width: 0; margin-inline-end: 8px; }
.pp-desk-viewers:not(:has(.pp-faces, .pp-contest, .pp-desk-missing)) { display: none; }
.pp-desk-viewers .pp-document { flex-wrap: nowrap; --pp-ring: var(--bg-color); }
.pp-desk-viewers .pp-contest { white-space: nowrap; }
.pp .pp-desk-missing { position: relative; display: grid; color: var(--pp-muted); cursor: default; }
.pp-desk-missing svg { fill: none; stroke: currentColor; stroke-width: 1.3; stroke-linecap: round; }
.pp-desk-missing:is(:hover, :focus-visible) .pp-tip { opacity: 1; }
.pp-desk-row { flex: none; margin-inline-start: 8px; }
.pp-desk-tray { display: flex; align-items: center; }
.pp-desk-tray[data-place="navbar"] { margin-inline-end: 4px; }
.pp-desk-tray[data-place="floating"] { position: fixed; inset-block-end: 16px; inset-inline-end: 16px; z-index: 1030; }
.pp-desk-tray[data-place="floating"] .pp-tray-button {
  border: 1px solid var(--pp-line) !important;
  background: var(--pp-surface) !important;
  box-shadow: 0 4px 14px rgb(0 0 0 / 0.14);
}
.pp-desk-tray[data-place="floating"] .pp-tray-panel { inset-block: auto calc(100% + 8px); }
`;

const ID = "presence-progress-desk-styles";

/** Puts the styles into the document, once. */
export function adoptDeskStyles() {
  if (document.getElementById(ID)) return;
  const style = document.createElement("style");
  style.id = ID;
  style.textContent = css;
  document.head.append(style);
}
