/** Text put into Markdown so that it is only ever text. No vscode import. */

/** Text without any meaning to Markdown or HTML, tables included. Line breaks become blanks. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\r\n]+/g, ' ')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/[\\`*_{}[\]()#+\-.!~|$:/@]/g, '\\$&');
}

/**
 * A code span that shows exactly this text, whatever is in it.
 * @param text without line breaks
 */
export function codeSpan(text: string): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  // One blank at each end is taken away again by Markdown; it keeps backticks apart from the fence.
  const isPadded = text === '' || /^[` ]|[` ]$/.test(text);
  return isPadded ? `${fence} ${text} ${fence}` : `${fence}${text}${fence}`;
}

/** A fenced block that shows exactly these lines, whatever is in them. */
export function codeBlock(lines: readonly string[]): string {
  const text = lines.join('\n');
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}

/** A link that runs a command. */
export function commandLink(title: string, command: string, ...parameters: readonly unknown[]): string {
  const query = parameters.length === 0 ? '' : `?${encodeURIComponent(JSON.stringify(parameters))}`;
  // encodeURIComponent leaves parentheses alone, which would end the link's address.
  const address = `command:${command}${query}`.replace(/\(/g, '%28').replace(/\)/g, '%29');
  return `[${escapeMarkdown(title)}](${address})`;
}

/** Text in which a notification finds no links: these are `[text](address)`. */
export function withoutLinks(text: string): string {
  return text.replaceAll('](', '] (');
}
