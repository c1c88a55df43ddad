import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type CarriedScores,
  CarryRoom,
  carry,
  displayedUnits,
  noScores,
  overlay,
} from '../../src/editor/carry';
import { LossMap } from '../../src/loss/lossMap';

/** A map with a token per entry of `lengths`; unscored where `nats` holds NaN. */
function mapOf(lengths: readonly number[], nats?: readonly number[], pageLength = 4): LossMap {
  const starts = new Uint32Array(lengths.length);
  const ends = new Uint32Array(lengths.length);
  let offset = 0;
  lengths.forEach((length, token) => {
    starts[token] = offset;
    offset += length;
    ends[token] = offset;
  });
  const pageStarts = Uint32Array.from(starts.keys()).filter((token) => token % pageLength === 0);
  const map = new LossMap({
    starts,
    ends,
    ids: Uint32Array.from(lengths.keys()),
    pageStarts,
    pageContexts: Int32Array.from(pageStarts, (start) => Math.max(0, start - 2)),
  });
  lengths.forEach((_, token) => {
    const value = nats?.[token] ?? token + 1;
    if (!Number.isNaN(value)) {
      map.write(token, {
        nats: Float32Array.of(value),
        entropy: Float32Array.of(value / 2),
        varentropy: Float32Array.of(value / 3),
        rank: Uint32Array.of(token + 10),
      });
    }
  });
  return map;
}

function whole(losses: LossMap): CarriedScores {
  const textLength = losses.length === 0 ? 0 : losses.layout.ends[losses.length - 1];
  return { losses, staleFrom: textLength, textLength };
}

/** Token ids with their ranges. */
function tokensOf(losses: LossMap): string[] {
  return Array.from(
    losses.layout.ids,
    (id, token) => `${id}@${losses.layout.starts[token]}-${losses.layout.ends[token]}`,
  );
}

function apply(text: string, changes: readonly { rangeOffset: number; rangeLength: number; text: string }[]) {
  return changes.reduce(
    (before, { rangeOffset, rangeLength, text: put }) =>
      before.slice(0, rangeOffset) + put + before.slice(rangeOffset + rangeLength),
    text,
  );
}

describe('scores carried through edits', () => {
  it('drops the token that an insertion splits and moves the ones behind it', () => {
    const after = carry(whole(mapOf([3, 3, 3])), [{ rangeOffset: 4, rangeLength: 0, text: 'xy' }]);
    assert.deepEqual(tokensOf(after.losses), ['0@0-3', '2@8-11']);
    assert.equal(after.staleFrom, 3);
    assert.equal(after.textLength, 11);
    assert.deepEqual([...after.losses.nats], [1, 3]);
    assert.ok(after.losses.complete);
  });

  it('keeps both neighbours of an insertion between tokens, the one before it in doubt', () => {
    const after = carry(whole(mapOf([3, 3, 3])), [{ rangeOffset: 3, rangeLength: 0, text: 'x' }]);
    assert.deepEqual(tokensOf(after.losses), ['0@0-3', '1@4-7', '2@7-10']);
    assert.equal(after.staleFrom, 0);
  });

  it('drops every token that a replacement touches', () => {
    const after = carry(whole(mapOf([2, 2, 2, 2, 2])), [{ rangeOffset: 3, rangeLength: 3, text: '' }]);
    assert.deepEqual(tokensOf(after.losses), ['0@0-2', '3@3-5', '4@5-7']);
    assert.equal(after.staleFrom, 2);
  });

  it('drops a split character as a whole', () => {
    const map = new LossMap({
      starts: Uint32Array.of(0, 1, 1, 3),
      ends: Uint32Array.of(3, 3, 3, 4),
      ids: Uint32Array.of(0, 1, 2, 3),
      pageStarts: Uint32Array.of(0),
      pageContexts: Int32Array.of(0),
    });
    map.write(0, {
      nats: new Float32Array(4),
      entropy: new Float32Array(4),
      varentropy: new Float32Array(4),
      rank: new Uint32Array(4),
    });
    const after = carry(whole(map), [{ rangeOffset: 0, rangeLength: 1, text: 'ab' }]);
    assert.deepEqual(tokensOf(after.losses), ['3@4-5']);
  });

  it('takes several changes one after the other, as an editor reports them', () => {
    const after = carry(whole(mapOf([2, 2, 2, 2])), [
      { rangeOffset: 6, rangeLength: 2, text: '' },
      { rangeOffset: 0, rangeLength: 0, text: '####' },
    ]);
    assert.deepEqual(tokensOf(after.losses), ['0@4-6', '1@6-8', '2@8-10']);
    assert.equal(after.staleFrom, 0);
    assert.equal(after.textLength, 10);
  });

  it('keeps page and context of tokens before the edit', () => {
    const before = mapOf([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    const { losses } = carry(whole(before), [{ rangeOffset: 6, rangeLength: 1, text: 'abc' }]);
    for (let token = 0; token < 5; token++) {
      assert.equal(losses.pageOf(token), before.pageOf(token));
      assert.equal(losses.contextLength(token), before.contextLength(token));
    }
    assert.deepEqual([...losses.layout.pageStarts], [0, 4, 7]);
  });

  it('never lets a token point at other text, and never marks a token behind an edit as current', () => {
    const text = fc.array(fc.string({ minLength: 1, maxLength: 4, unit: 'binary' }), { maxLength: 24 });
    const edits = fc.array(
      fc.record({ at: fc.nat(), remove: fc.nat({ max: 9 }), text: fc.string({ maxLength: 6 }) }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(text, edits, (pieces, drafts) => {
        let current = pieces.join('');
        const original = current;
        const changes = drafts.map(({ at, remove, text: put }) => {
          const rangeOffset = at % (current.length + 1);
          const change = {
            rangeOffset,
            rangeLength: Math.min(remove, current.length - rangeOffset),
            text: put,
          };
          current = apply(current, [change]);
          return change;
        });
        const before = whole(mapOf(pieces.map((piece) => piece.length)));
        const after = carry(before, changes);
        assert.equal(after.textLength, current.length);
        const { starts, ends, ids, pageStarts } = after.losses.layout;
        for (let token = 0; token < after.losses.length; token++) {
          assert.equal(current.slice(starts[token], ends[token]), pieces[ids[token]]);
          assert.ok(token === 0 || starts[token] >= ends[token - 1]);
          assert.equal(after.losses.nats[token], ids[token] + 1);
          assert.ok(after.losses.pageOf(token) >= 0);
          if (ends[token] <= after.staleFrom) {
            assert.equal(ids[token], token, 'a current token has its old index');
            assert.equal(starts[token], before.losses.layout.starts[token]);
            assert.equal(
              current.slice(0, ends[token]),
              original.slice(0, ends[token]),
              'its context is unchanged',
            );
          }
        }
        assert.ok(after.losses.length === 0 || pageStarts[0] === 0);
        for (let page = 1; page < pageStarts.length; page++) {
          assert.ok(pageStarts[page] > pageStarts[page - 1]);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('carries into the same room again and again, and leaves what was carried last alone', () => {
    const room = new CarryRoom();
    const map = mapOf(Array.from({ length: 40 }, () => 3));
    let inRoom = whole(map);
    let alone = whole(map);
    for (let edit = 0; edit < 12; edit++) {
      const changes = [{ rangeOffset: 5 * edit, rangeLength: edit % 3, text: 'x'.repeat(edit % 5) }];
      const before = { losses: inRoom.losses, ids: [...inRoom.losses.layout.ids] };
      inRoom = carry(inRoom, changes, room);
      alone = carry(alone, changes);
      assert.deepEqual([...before.losses.layout.ids], before.ids);
      assert.deepEqual(tokensOf(inRoom.losses), tokensOf(alone.losses));
      assert.deepEqual([...inRoom.losses.nats], [...alone.losses.nats]);
    }
    assert.deepEqual(tokensOf(map), tokensOf(mapOf(Array.from({ length: 40 }, () => 3))));
  });

  it('takes all changes of one edit at once as it takes them one by one', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 20 });
    const drafts = fc.array(
      fc.record({ gap: fc.nat({ max: 5 }), remove: fc.nat({ max: 6 }), text: fc.string({ maxLength: 6 }) }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(lengths, drafts, fc.integer({ min: 1, max: 4 }), (pieces, edits, pageLength) => {
        const before = whole(mapOf(pieces, undefined, pageLength));
        let end = before.textLength;
        const changes = edits.map(({ gap, remove, text }) => {
          const rangeEnd = Math.max(0, end - gap);
          end = Math.max(0, rangeEnd - remove);
          return { rangeOffset: end, rangeLength: rangeEnd - end, text };
        });
        const atOnce = carry(before, changes);
        const oneByOne = changes.reduce((scores, change) => carry(scores, [change]), before);
        assert.deepEqual(tokensOf(atOnce.losses), tokensOf(oneByOne.losses));
        assert.deepEqual(atOnce.losses.layout, oneByOne.losses.layout);
        assert.deepEqual(atOnce.losses.nats, oneByOne.losses.nats);
        assert.equal(atOnce.staleFrom, oneByOne.staleFrom);
        assert.equal(atOnce.textLength, oneByOne.textLength);
      }),
      { numRuns: 300 },
    );
  });
});

describe('newer scores over older ones', () => {
  it('takes the newer ones as they are when they are complete', () => {
    const newer = mapOf([2, 2]);
    assert.equal(overlay(newer, noScores(4)).losses, newer);
    assert.equal(overlay(newer, noScores(4)).staleFrom, 4);
  });

  it('fills gaps with older units that fit', () => {
    const older = whole(mapOf([1, 2, 2, 3], [10, 20, 30, 40]));
    const newer = mapOf([2, 2, 2, 2], [1, Number.NaN, Number.NaN, 4]);
    const shown = [...displayedUnits(newer, older.losses)].map(({ unit }) => [
      unit.start,
      unit.end,
      unit.nats,
    ]);
    assert.deepEqual(shown, [
      [0, 2, 1],
      [3, 5, 30],
      [6, 8, 4],
    ]);
    const merged = overlay(newer, older);
    assert.equal(merged.staleFrom, 2);
    assert.deepEqual([...merged.losses.nats], [1, 30, 4]);
    assert.ok(merged.losses.complete);
  });

  it('shows the older ones alone while the newer text is not even cut into tokens', () => {
    const older = mapOf([1, 2, 3]);
    assert.equal([...displayedUnits(undefined, older)].length, 3);
    assert.equal([...displayedUnits(undefined, older, 1, 2)].length, 1);
    assert.equal([...displayedUnits(undefined, undefined)].length, 0);
  });

  it('never shows two units over the same text', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        lengths,
        lengths,
        fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
        (a, b, known) => {
          const newer = mapOf(
            a,
            a.map((_, token) => (known[token] ? 1 : Number.NaN)),
          );
          let end = 0;
          for (const { unit } of displayedUnits(newer, mapOf(b))) {
            assert.ok(unit.start >= end);
            assert.ok(!Number.isNaN(unit.nats));
            end = unit.end;
          }
          const merged = overlay(newer, whole(mapOf(b)));
          assert.deepEqual(
            [...merged.losses.units()].map(({ start, end: unitEnd, nats }) => [start, unitEnd, nats]),
            [...displayedUnits(newer, mapOf(b))].map(({ unit }) => [unit.start, unit.end, unit.nats]),
            'what is kept is what was shown',
          );
          for (let token = 0; token < merged.losses.length; token++) {
            if (merged.losses.layout.ends[token] <= merged.staleFrom) {
              assert.equal(merged.losses.layout.ids[token], token);
              assert.ok(newer.isScored(token));
            }
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
