"""Records how PyTorch trains an adapter of the output layer, for the tests of src/loss/adapter.ts.

    python training_reference.py

Small random cases in float32: base logits z = W h of a random output layer, targets, and an adapter, z + b or
z + B A h. Each case keeps the loss and its gradient by autograd at the first parameters, and the parameters after
every step of torch.optim.AdamW on the same minibatch. Then whole trainings of the test model on a document, in the
engine's order of minibatches, as curves of losses. Writes test/fixtures/reference/training.json.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import reference
import torch
from make_model import SEPARATOR

OUTPUT = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "reference" / "training.json"
VOCABULARY, HIDDEN, BATCH, STEPS = 50, 8, 6, 5


def numbers(tensor: torch.Tensor) -> list[float]:
    """Row-major, with the nine digits that tell every float32 from its neighbours."""
    return [float(f"{x:.9g}") for x in tensor.detach().flatten().tolist()]


def case(
    seed: int, name: str, adapter: str, rank: int, learning_rate: float, weight_decay: float, scale: float
) -> dict:
    """`scale`: standard deviation of the adapter's first values; 0 is how training begins (A is never 0)."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    hidden = random(BATCH, HIDDEN)
    base = hidden @ random(HIDDEN, VOCABULARY)
    targets = torch.randint(VOCABULARY, (BATCH,), generator=generator)
    if adapter == "bias":
        parameters = [scale * random(VOCABULARY)]
    else:
        parameters = [random(rank, HIDDEN) / HIDDEN**0.5, scale * random(VOCABULARY, rank)]
    parameters = [torch.nn.Parameter(values) for values in parameters]
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay)

    def loss() -> torch.Tensor:
        correction = parameters[0] if adapter == "bias" else hidden @ parameters[0].T @ parameters[1].T
        return torch.nn.functional.cross_entropy(base + correction, targets)

    def as_kept() -> list[list[float]]:
        # The engine keeps B transposed.
        return [numbers(values if i == 0 else values.T) for i, values in enumerate(parameters)]

    record = {
        "name": name,
        "adapter": adapter,
        "rank": rank,
        "hidden": HIDDEN,
        "vocabulary": VOCABULARY,
        "learningRate": learning_rate,
        "weightDecay": weight_decay,
        "states": numbers(hidden),
        "base": numbers(base),
        "targets": targets.tolist(),
        "initial": as_kept(),
        "steps": [],
    }
    for step in range(STEPS):
        optimiser.zero_grad()
        value = loss()
        value.backward()
        if step == 0:
            record["gradient"] = [numbers(p.grad if i == 0 else p.grad.T) for i, p in enumerate(parameters)]
        optimiser.step()
        record["steps"].append({"loss": value.item(), "parameters": as_kept()})
    return record


def mulberry32(seed: int) -> Callable[[], float]:
    """The generator of src/loss/adapter.ts."""
    state = seed & 0xFFFFFFFF

    def draw() -> float:
        nonlocal state
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        t = state
        t = ((t ^ (t >> 15)) * (t | 1)) & 0xFFFFFFFF
        t ^= (t + (t ^ (t >> 7)) * (t | 61)) & 0xFFFFFFFF
        return (t ^ (t >> 14)) / 2**32

    return draw


def curve(document: str, options: dict) -> dict:
    """Trains the test model's adapter: the last fifth is held back, losses twice in an epoch."""
    model = reference.model("tiny", None)
    ids = reference.encode("tiny", reference.read_document(document))
    with torch.no_grad():
        hidden = model.model(torch.tensor([[SEPARATOR, *ids[:-1]]])).last_hidden_state[0]
        base = model.lm_head(hidden)
    targets = torch.tensor(ids)
    training = len(ids) - len(ids) // 5
    draw = mulberry32(options["seed"])
    if options["adapter"] == "bias":
        parameters = [torch.zeros(base.shape[1])]
    else:
        width, rank = hidden.shape[1], options["rank"]
        normal = [math.sqrt(-2 * math.log(1 - draw())) * math.cos(2 * math.pi * draw()) for _ in range(rank * width)]
        parameters = [torch.tensor(normal).reshape(rank, width) / width**0.5, torch.zeros(base.shape[1], rank)]
    parameters = [torch.nn.Parameter(values) for values in parameters]
    optimiser = torch.optim.AdamW(parameters, lr=options["learningRate"], weight_decay=options["weightDecay"])

    def loss(rows: list[int] | slice) -> torch.Tensor:
        h = hidden[rows]
        correction = parameters[0] if len(parameters) == 1 else h @ parameters[0].T @ parameters[1].T
        return torch.nn.functional.cross_entropy(base[rows] + correction, targets[rows])

    points = []

    def measure(step: int) -> None:
        with torch.no_grad():
            points.append([step, loss(slice(0, training)).item(), loss(slice(training, None)).item()])

    measure(0)
    batch = options["batch"]
    steps = math.ceil(training / batch)
    for epoch in range(options["epochs"]):
        order = list(range(training))
        for i in range(training - 1, 0, -1):
            j = int(draw() * (i + 1))
            order[i], order[j] = order[j], order[i]
        for step in range(1, steps + 1):
            optimiser.zero_grad()
            loss(order[(step - 1) * batch : step * batch]).backward()
            optimiser.step()
            if step % math.ceil(steps / 2) == 0 or step == steps:
                measure(epoch * steps + step)
    return {"document": document, "options": options, "points": points}


def main() -> None:
    torch.set_num_threads(1)
    cases = [
        case(1, "bias from 0", "bias", 1, 0.05, 0.0, 0.0),
        case(2, "bias with weight decay", "bias", 1, 0.1, 0.5, 1.0),
        case(3, "rank 1 from 0", "low-rank", 1, 0.02, 0.0, 0.0),
        case(4, "rank 3 with weight decay", "low-rank", 3, 0.01, 0.2, 0.3),
        case(5, "rank 6", "low-rank", 6, 0.03, 0.0, 0.5),
    ]
    common = {"rank": 4, "batch": 40, "epochs": 3, "seed": 5, "evaluation": "split"}
    curves = [
        curve("inventory.py", {**common, "adapter": "bias", "learningRate": 0.02, "weightDecay": 0.1}),
        curve("typo.md", {**common, "adapter": "low-rank", "learningRate": 0.003, "weightDecay": 0.0}),
    ]
    record = {"pytorch": torch.__version__, "cases": cases, "curves": curves}
    OUTPUT.write_text(json.dumps(record, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
