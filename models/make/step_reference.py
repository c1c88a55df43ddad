"""Records gradient steps on logits, in test/fixtures/reference/logits-step.json.

    python step_reference.py

PyTorch's autograd in float64 on the cross-entropy with label smoothing, z <- z - step size * gradient, for small
and for overshooting step sizes. Seeded: two runs write the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

TARGET = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "reference" / "logits-step.json"
VOCABULARY = 96
STEPS = 8
# (label smoothing, step size): without smoothing no step raises the loss; with it, the last two do.
SETTINGS = [(0.0, 0.5), (0.0, 50.0), (0.1, 0.5), (0.1, 4.0), (0.1, 30.0), (0.5, 80.0)]


def loss_of(logits: torch.Tensor, target: int, epsilon: float) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(
        logits.unsqueeze(0), torch.tensor([target]), label_smoothing=epsilon
    )


def digits(values: list[float]) -> list[float]:
    """Nine significant digits: far below the tests' bound, and a third of the bytes."""
    return [float(f"{value:.9g}") for value in values]


def record(logits: torch.Tensor, target: int, epsilon: float, step_size: float) -> dict:
    z = logits.clone().requires_grad_(True)
    optimiser = torch.optim.SGD([z], lr=step_size)
    losses: list[float] = []
    gradient: list[float] = []
    for step in range(STEPS + 1):
        optimiser.zero_grad()
        loss = loss_of(z, target, epsilon)
        losses.append(loss.item())
        if step == STEPS:
            break
        loss.backward()
        if step == 0:
            gradient = z.grad.tolist()
        optimiser.step()
    return {
        "target": target,
        "epsilon": epsilon,
        "stepSize": step_size,
        "logits": digits(logits.tolist()),
        "gradient": digits(gradient),
        "losses": digits(losses),
        "last": digits(z.detach().tolist()),
    }


def main() -> None:
    torch.manual_seed(1)
    cases = []
    for epsilon, step_size in SETTINGS:
        # Rounded as recorded, so that both sides start from the same numbers.
        logits = torch.tensor(digits((3 * torch.randn(VOCABULARY, dtype=torch.float64)).tolist()), dtype=torch.float64)
        target = int(torch.randint(VOCABULARY, ()))
        cases.append(record(logits, target, epsilon, step_size))
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    TARGET.write_text(f'{{"torch":"{torch.__version__}","cases":[\n{lines}\n]}}\n', "utf-8")
    print(f"{TARGET}: {len(cases)} cases, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
