import { afterEach, expect, it, vi } from "vitest";
import { csvText, downloadCsv, fileName } from "../../presence_progress/public/js/client/csv.js";

afterEach(() => vi.unstubAllGlobals());

it("quotes as RFC 4180 says, and leaves numbers alone", () => {
  const rows = [
    [1, "warning", 'a "quoted" word, and a comma'],
    [-2, "error", "two\nlines"],
    [null, "error", undefined],
  ];
  expect(csvText(["Row", "Level", "Message"], rows)).toBe(
    'Row,Level,Message\r\n1,warning,"a ""quoted"" word, and a comma"\r\n' +
      '-2,error,"two\nlines"\r\n,error,\r\n',
  );
});

it.each(['=HYPERLINK("http://evil")', "+1", "-1+2", "@SUM(A1)", "\tx", "\rx", "＝1"])(
  "hands no spreadsheet a formula: %j",
  (text) => {
    const cell = csvText([text], []).slice(0, -2);
    expect(cell.replace(/^"/, "").startsWith("'")).toBe(true);
  },
);

it("names a file after its task", () => {
  expect(fileName("Import: airports/2026 (Türkiye)")).toBe("Import-airports-2026-Türkiye.csv");
  expect(fileName("../..")).toBe("messages.csv");
});

it("gives the person a file that a spreadsheet reads as UTF-8, and lets it go", async () => {
  vi.useFakeTimers();
  /** @type {Blob[]} */
  const blobs = [];
  const createObjectURL = vi.fn((blob) => `blob:${blobs.push(blob)}`);
  const revokeObjectURL = vi.fn();
  vi.stubGlobal("URL", Object.assign(URL, { createObjectURL, revokeObjectURL }));
  const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockReturnValue();
  downloadCsv("a.csv", "ü\r\n");
  expect(click).toHaveBeenCalledOnce();
  expect(new Uint8Array(await blobs[0].arrayBuffer()).slice(0, 3)).toEqual(
    new Uint8Array([0xef, 0xbb, 0xbf]),
  );
  vi.advanceTimersByTime(10_000);
  expect(revokeObjectURL).toHaveBeenCalledExactlyOnceWith("blob:1");
});
