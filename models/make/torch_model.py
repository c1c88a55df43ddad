"""The independent implementation: transformers' LlamaForCausalLM in float32, and its numbers.

Nothing of the graphs is used here. Logits are float32, as the model gives them;
the formulas on top of them are computed in float64.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM


def build(config: dict, state: dict[str, np.ndarray]) -> LlamaForCausalLM:
    torch.set_num_threads(2)
    model = LlamaForCausalLM(LlamaConfig(**config, attn_implementation="eager")).float().eval()
    tensors = {name: torch.from_numpy(np.array(value, order="C")) for name, value in state.items()}
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:  # the head is tied to the embedding
        raise ValueError(f"state does not fit: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    return model


@torch.no_grad()
def score(model: LlamaForCausalLM, ids: list[int], start: int = 1) -> dict[str, list]:
    """The numbers of ids[start:], each conditioned on everything in front of it."""
    x = torch.tensor([ids])
    hidden = model.model(x).last_hidden_state[0, start - 1 : -1]
    out: dict[str, list] = {"nats": [], "entropy": [], "varentropy": [], "rank": []}
    targets = x[0, start:]
    for rows, y in zip(hidden.split(256), targets.split(256)):
        z = model.lm_head(rows).float()
        log_q = torch.log_softmax(z.double(), -1)
        q = log_q.exp()
        entropy = -(q * log_q).sum(-1)
        out["nats"].append(-log_q.gather(1, y[:, None])[:, 0])
        out["entropy"].append(entropy)
        out["varentropy"].append((q * (log_q + entropy[:, None]) ** 2).sum(-1))
        out["rank"].append(1 + (z > z.gather(1, y[:, None])).sum(-1))
    return {
        name: [int(v) if name == "rank" else nine_digits(v) for v in torch.cat(parts).tolist()]
        for name, parts in out.items()
    }


@torch.no_grad()
def largest_inputs(model: LlamaForCausalLM, ids: list[int]) -> dict[str, np.ndarray]:
    """Of each matrix, by its module's name, the largest absolute value that each of its inputs has on a page."""
    largest: dict[str, np.ndarray] = {}

    def note(name: str):
        def hook(_, inputs):
            largest[name] = inputs[0].abs().flatten(0, -2).amax(0).numpy()

        return hook

    matrices = [(n, m) for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)]
    hooks = [module.register_forward_pre_hook(note(name)) for name, module in matrices]
    model(torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    return largest


def nine_digits(value: float) -> float:
    """Nine digits hold a float32 exactly."""
    return float(f"{value:.9g}")


def llama_config(folder: Path) -> dict:
    """A model folder's config.json as arguments of LlamaConfig."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    for name in ("model_type", "architectures", "transformers_version", "torch_dtype", "dtype", "rope_theta"):
        config.pop(name, None)
    return config
