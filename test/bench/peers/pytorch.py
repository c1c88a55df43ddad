"""Times PyTorch on a GPU: a bfloat16 forward and the cross-entropy of every token.

    python pytorch.py CONFIG DEVICE

CONFIG is a model's config.json; the weights are random, which takes as long as any
others. First prints what it runs on; then, for each line of standard input, a JSON
array of token ids, the seconds that they took. Two lines in a row are needed for
figures: the first one of a length finds nothing prepared.
"""

import json
import sys
import time

try:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
except ImportError as error:
    sys.exit(f"{error.name} is not installed for {sys.executable}")

path, device = sys.argv[1:3]
if device == "cuda" and not torch.cuda.is_available():
    sys.exit(f"PyTorch {torch.__version__} sees no GPU")
if device == "mps" and not torch.backends.mps.is_available():
    sys.exit(f"PyTorch {torch.__version__} sees no GPU")

with open(path, encoding="utf-8") as file:
    read = json.load(file)
read.pop("model_type", None)
model = LlamaForCausalLM(LlamaConfig(**read, attn_implementation="sdpa")).to(device, torch.bfloat16).eval()
name = torch.cuda.get_device_name() if device == "cuda" else device
print(json.dumps({"about": f"PyTorch {torch.__version__} on {name}, bfloat16, scaled_dot_product_attention"}), flush=True)


@torch.inference_mode()
def losses(ids):
    """Of ids[1:], each with all earlier ones as context, in nats."""
    x = torch.tensor([ids], device=device)
    logits = model(x, use_cache=False).logits[0, :-1]
    # To the CPU: where an editor would want them, and only then the GPU's work is done.
    return torch.nn.functional.cross_entropy(logits.float(), x[0, 1:], reduction="none").cpu()


for line in sys.stdin:
    ids = json.loads(line)
    before = time.perf_counter()
    losses(ids)
    print(json.dumps({"seconds": time.perf_counter() - before}), flush=True)
