/** The JSON format: one object for one file, an array for several, one token on a line. */
import type { Report, ReportAlternative, ReportToken } from '../report';
import { shortestFloat32 } from './float32';
import type { ReportFormat } from './reportFormat';

/**
 * Reports as JSON text that ends in a newline. Lone surrogates in token text are escaped, so that every document's
 * text survives the way through UTF-8.
 * @param files number of files that were asked for. It alone decides about the shape: of one file an object, or nothing
 *   at all if it could not be scored; of several an array of those that could, which may be empty
 */
export function jsonFormat(files: number): ReportFormat {
  const isArray = files > 1;
  return {
    *report(report, index) {
      if (isArray) {
        yield index === 0 ? '[\n' : ',\n';
      }
      yield* reportPieces(report);
    },
    *end(count) {
      if (isArray) {
        yield count === 0 ? '[]\n' : '\n]\n';
      } else if (count > 0) {
        yield '\n';
      }
    },
  };
}

function* reportPieces({ tokens, ...head }: Report): Generator<string> {
  const opening = JSON.stringify(head, null, 2).replace(/\n\}$/, '');
  yield `${opening},\n  "tokens": [`;
  for (const [index, token] of tokens.entries()) {
    yield `${index === 0 ? '' : ','}\n    ${JSON.stringify(rounded(token))}`;
  }
  yield tokens.length === 0 ? ']\n}' : '\n  ]\n}';
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
