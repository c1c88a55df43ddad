/** The explainer panel's page: an empty frame that the bundled script fills. */

/** What the frame is made of. */
export interface PanelPage {
  /** Address of `dist/webview.js` as the page sees it. */
  readonly script: string;
  /** Address of `dist/webview.css` as the page sees it. */
  readonly style: string;
  /** Fresh for every page: only what carries it may run or style. */
  readonly nonce: string;
  readonly title: string;
}

/**
 * Makes the page's HTML.
 *
 * The policy allows the one script and the one style sheet, both by nonce, and images that the page itself makes (a
 * chart that is copied as PNG is drawn through a `blob:` image), and nothing else: no inline script or style, no image
 * from elsewhere, no font, frame, form or connection. The toolkit's components carry their styles in constructed style
 * sheets, which a policy does not restrict; the one style element that it makes, to find out whether the browser
 * knows `:focus-visible`, takes the nonce from the page's `csp-nonce` property.
 */
export function panelHtml({ script, style, nonce, title }: PanelPage): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    'img-src blob:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeAttribute(policy)}">
<meta property="csp-nonce" content="${nonce}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeAttribute(title)}</title>
<link rel="stylesheet" nonce="${nonce}" href="${escapeAttribute(style)}">
</head>
<body>
<main id="surprisal"></main>
<script nonce="${nonce}" src="${escapeAttribute(script)}"></script>
</body>
</html>
`;
}

/** Makes a string safe as text and as the value of a quoted attribute. */
function escapeAttribute(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&quot;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
