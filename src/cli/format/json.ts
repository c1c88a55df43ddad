/** The JSON format: one object for one file, an array for several (DESIGN §6), one token on a line. */
import type { Report, ReportAlternative, ReportToken } from '../report';
import { shortestFloat32 } from './float32';

/**
 * Reports as JSON text that ends in a newline. Lone surrogates in token text are escaped, so that every document's
 * text survives the way through UTF-8.
 * @param reports one for each file, in order
 */
export function formatJson(reports: readonly Report[]): string {
  if (reports.length === 1) {
    return `${reportJson(reports[0])}\n`;
  }
  return reports.length === 0 ? '[]\n' : `[\n${reports.map(reportJson).join(',\n')}\n]\n`;
}

function reportJson({ tokens, ...head }: Report): string {
  const opening = JSON.stringify(head, null, 2).replace(/\n\}$/, '');
  const lines = tokens.map((token) => `    ${JSON.stringify(rounded(token))}`);
  return `${opening},\n  "tokens": [${lines.length === 0 ? '' : `\n${lines.join(',\n')}\n  `}]\n}`;
}

function rounded(token: ReportToken): ReportToken {
  return {
    ...token,
    nats: shortestFloat32(token.nats),
    entropy: shortestFloat32(token.entropy),
    varentropy: shortestFloat32(token.varentropy),
    ...(token.top === undefined ? {} : { top: token.top.map(roundedAlternative) }),
  };
}

function roundedAlternative(alternative: ReportAlternative): ReportAlternative {
  return { ...alternative, nats: shortestFloat32(alternative.nats) };
}
