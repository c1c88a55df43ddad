import assert from 'node:assert/strict';
import { logSumExp, rank, scaleByTemperature, softmax, surprisal } from '../../src/loss/formulas';
import type { PanelToken } from '../../src/panel/messages';
import { cumulativeNats, rankOfHalf, temper } from '../../webview/chapters/temperature';

const LOGITS = Float32Array.from([2.5, -1, 7.25, 2.5, 0, 4, -30]);

function tokenOf(id: number, logits: Float32Array | undefined = LOGITS): PanelToken {
  const alternative = (v: number) => ({
    id: v,
    text: `t${v}`,
    visible: `t${v}`,
    logit: LOGITS[v],
    nats: surprisal(LOGITS, v),
  });
  const best = [...LOGITS.keys()].sort((a, b) => LOGITS[b] - LOGITS[a]).slice(0, 3);
  return {
    answer: 1,
    index: 0,
    target: alternative(id),
    rank: rank(LOGITS, id),
    vocabularySize: LOGITS.length,
    logSumExp: logSumExp(LOGITS),
    entropy: 0,
    varentropy: 0,
    top: best.map(alternative),
    ...(logits && { logits }),
    page: 1,
    contextLength: 0,
    line: 1,
    column: 1,
    nearest: false,
  };
}

const near = (actual: number | undefined, expected: number) =>
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) < 1e-12, `${actual} instead of ${expected}`);

describe('panel: the distribution at a temperature', () => {
  it('shows at 1 what the token was scored with', () => {
    const token = tokenOf(3);
    const tempered = temper(token, 1);
    assert.equal(tempered.targetNats, token.target.nats);
    assert.deepEqual(
      tempered.topNats,
      token.top.map(({ nats }) => nats),
    );
    near(tempered.all?.logQ[0], -token.top[0].nats);
  });

  for (const temperature of [0.1, 0.7, 2, 5]) {
    it(`is softmax(z / T) at ${temperature}, for tokens of equal logits too`, () => {
      const scaled = scaleByTemperature(LOGITS, temperature);
      const q = [...softmax(scaled)].sort((a, b) => b - a);
      for (const id of LOGITS.keys()) {
        const tempered = temper(tokenOf(id), temperature);
        near(tempered.targetNats, surprisal(scaled, id));
        near(tempered.logSumExp, logSumExp(scaled));
        tempered.topNats.forEach((nats, i) => {
          near(Math.exp(-nats), q[i]);
        });
        for (let tokens = 1; tokens <= q.length; tokens++) {
          const mass = q.slice(0, tokens).reduce((sum, share) => sum + share, 0);
          near(Math.exp(-(cumulativeNats(tempered, tokens) ?? Number.NaN)), mass);
        }
        const masses = q.map((_, i) => q.slice(0, i + 1).reduce((sum, share) => sum + share, 0));
        assert.equal(rankOfHalf(tempered), 1 + masses.findIndex((mass) => mass >= 0.5));
      }
    });
  }

  it('keeps to 1 without the logits, and says so', () => {
    const { logits: _, ...token } = tokenOf(1);
    const tempered = temper(token, 2);
    assert.equal(tempered.temperature, 1);
    assert.equal(tempered.targetNats, token.target.nats);
    near(cumulativeNats(tempered, 2), -Math.log(softmax(LOGITS)[2] + softmax(LOGITS)[5]));
    assert.equal(cumulativeNats(tempered, 4), undefined);
    assert.equal(rankOfHalf(tempered), 1);
    assert.equal(rankOfHalf({ ...tempered, topNats: [2, 3] }), undefined);
  });
});
