/** How the pure text-making functions get at translations. No vscode import. */

/** Translates a message and fills in `{0}`, `{1}` …; `vscode.l10n.t` is one. */
export type Translate = (message: string, ...values: (string | number | boolean)[]) => string;

/** Fills in the values and leaves the English text as it is. */
export const english: Translate = (message, ...values) =>
  message.replace(/\{(\d+)\}/g, (whole, index: string) => String(values[Number(index)] ?? whole));
