import assert from 'node:assert/strict';
import { panelHtml } from '../../src/panel/html';
import {
  fixed,
  fixedAmount,
  probability,
  probabilityNumber,
  rounded,
  scientific,
  shortAmount,
  surprisal,
} from '../../webview/format';

const plain = (text: string) => text.replaceAll('\u00a0', ' ');

describe('panel: numbers', () => {
  it('writes a fixed number of digits, with a true minus and no minus zero', () => {
    assert.equal(fixed(1234.5, 2), '1,234.50');
    assert.equal(fixed(-2.34567, 3), '−2.346');
    assert.equal(fixed(-0.0001, 2), '0.00');
    assert.equal(fixedAmount(Math.LN2 * 5, 'bits', 4), '5.0000');
    assert.equal(fixedAmount(5, 'nats', 1), '5.0');
  });

  it('reads as the rest of the extension does, and never breaks inside', () => {
    assert.equal(plain(surprisal(Math.LN2 * 3.456, 'bits')), '3.46 bits');
    assert.equal(plain(shortAmount(2, 'nats')), '2.00');
    assert.ok(!surprisal(1, 'bits').includes(' '));
    assert.ok(!probability(20).includes(' '));
  });

  it('writes small probabilities as powers of ten, beyond what a number holds too', () => {
    assert.equal(probabilityNumber(Math.LN2), '0.5000');
    assert.equal(plain(probabilityNumber(11.37)), '1.15 × 10⁻⁵');
    assert.deepEqual(scientific(2000), { mantissa: '2.58', exponent: -869 });
    assert.deepEqual(scientific(-Math.log(0.9999e-4)), { mantissa: '1.00', exponent: -4 });
  });

  it('rounds to what matters', () => {
    assert.deepEqual([2.071, 121.44, 1240.2].map(rounded), ['2.07', '121.4', '1,240']);
  });
});

describe('panel: the page', () => {
  const page = panelHtml({
    script: 'https://x/webview.js',
    style: 'https://x/webview.css',
    nonce: 'N0nce',
    title: 'a"<b>',
  });

  it('allows the one script, the one style sheet and images of its own making, and nothing else', () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1];
    assert.equal(
      policy,
      "default-src 'none'; script-src 'nonce-N0nce'; style-src 'nonce-N0nce'; img-src blob:; base-uri 'none'; form-action 'none'",
    );
    assert.ok(!/\sstyle=|\son[a-z]+=|<style|javascript:/.test(page), 'nothing inline');
  });

  it('escapes what it is given', () => {
    assert.ok(page.includes('<title>a&quot;&lt;b&gt;</title>'));
  });
});
