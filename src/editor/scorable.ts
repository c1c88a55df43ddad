/** Which documents are worth scoring. No vscode import. */

/** The scheme of the legend's document. */
export const LEGEND_SCHEME = 'surprisal-legend';

/** Schemes of texts that are input boxes, output or our own drawing, not documents that somebody wrote. */
const leftOut = new Set([
  'output',
  'vscode-scm',
  'comment',
  'vscode-interactive-input',
  'vscode-terminal',
  'chatSessionInput',
  'vscode-chat-input',
  'vscode-chat-code-block',
  'chat-editing-snapshot-text-model',
  'search-editor',
  'walkThrough',
  'walkThroughSnippet',
  'accessible-view',
  LEGEND_SCHEME,
]);

/** Whether a document at this address is one that somebody reads or writes. */
export function isScorable(uri: { readonly scheme: string; readonly path: string }): boolean {
  if (uri.scheme === 'debug') {
    // A source that only the debugger has is a document; the debug console's input box is not.
    return uri.path !== 'replinput' && uri.path !== '/replinput';
  }
  return !leftOut.has(uri.scheme);
}
