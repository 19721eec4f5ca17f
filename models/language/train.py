"""Trains the language model on what prepare.ts wrote, and writes its weights for quantise.ts.

    python3 train.py FOLDER

FOLDER has corpus.json (sizes, and what to do) and its rows of tokens; weights.f32 and training.json are written to it. After every
hundred steps checkpoint.pt has all that the rest depends on: a run that was ended goes on there, and ends with the same bytes.
Debian's python3-torch 1.13, one thread. models/words.md says where the same bytes come out, and where not.
"""

import ctypes
import itertools
import json
import math
import os
import sys
import time

# Large blocks are kept, not given back to the kernel at every step: most of the time went into that.
libc = ctypes.CDLL(None)
libc.mallopt(-3, 2**30)  # M_MMAP_THRESHOLD
libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


class Block(torch.nn.Module):
    """As models/gguf/shapes.ts has llama's: weights are called what llama.cpp calls them."""

    def __init__(self, width, hidden, heads, layers):
        super().__init__()
        self.heads = heads
        self.attn_norm = torch.nn.Parameter(torch.ones(width))
        self.ffn_norm = torch.nn.Parameter(torch.ones(width))
        shapes = {
            "attn_q": (width, width),
            "attn_k": (width, width),
            "attn_v": (width, width),
            "attn_output": (width, width),
            "ffn_gate": (hidden, width),
            "ffn_up": (hidden, width),
            "ffn_down": (width, hidden),
        }
        for name, (outputs, inputs) in shapes.items():
            into_stream = name in ("attn_output", "ffn_down")
            deviation = inputs**-0.5 * (0.5 / math.sqrt(layers) if into_stream else 1)
            setattr(self, name, torch.nn.Parameter(torch.randn(outputs, inputs) * deviation))

    def forward(self, x, turn, mask):
        rows, length, width = x.shape
        split = lambda y: y.view(rows, length, self.heads, -1).transpose(1, 2)
        y = norm(x, self.attn_norm)
        q = rotate(split(linear(y, self.attn_q)), turn)
        k = rotate(split(linear(y, self.attn_k)), turn)
        v = split(linear(y, self.attn_v))
        scores = torch.matmul(q, k.transpose(-1, -2)).float() * (width // self.heads) ** -0.5
        mixed = torch.matmul(F.softmax(scores + mask, dim=-1).bfloat16(), v)
        x = x + linear(mixed.transpose(1, 2).reshape(rows, length, width), self.attn_output).float()
        y = norm(x, self.ffn_norm)
        return x + linear(F.silu(linear(y, self.ffn_gate)) * linear(y, self.ffn_up), self.ffn_down).float()


class Model(torch.nn.Module):
    def __init__(self, vocabulary, context, width, hidden, layers, heads):
        super().__init__()
        self.token_embd = torch.nn.Parameter(torch.randn(vocabulary, width) * 0.05)
        self.blk = torch.nn.ModuleList(Block(width, hidden, heads, layers) for _ in range(layers))
        self.output_norm = torch.nn.Parameter(torch.ones(width))
        size = width // heads
        speeds = 10000.0 ** (-torch.arange(0, size, 2).float() / size)
        angles = torch.arange(context).float()[:, None] * speeds[None, :]
        self.turn = (angles.cos().bfloat16(), angles.sin().bfloat16())
        self.mask = torch.full((context, context), float("-inf")).triu(1)

    def forward(self, tokens, wanted):
        """Logits of the positions that `wanted` marks."""
        length = tokens.shape[1]
        x = F.embedding(tokens, self.token_embd)
        turn = tuple(part[:length] for part in self.turn)
        for block in self.blk:
            x = block(x, turn, self.mask[:length, :length])
        return linear(norm(x, self.output_norm).view(-1, x.shape[-1])[wanted.reshape(-1)], self.token_embd).float()


def linear(x, weight):
    return F.linear(x.bfloat16(), weight.bfloat16())


def norm(x, weight):
    return (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * weight).bfloat16()


def rotate(x, turn):
    """Neighbouring values turn together, as llama.cpp's llama has it."""
    cos, sin = turn
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)


class Muon:
    """Momentum whose matrices are made orthogonal before they are taken (Jordan et al., 2024, kellerjordan.github.io/posts/muon)."""

    def __init__(self, matrices):
        self.matrices = matrices
        self.momenta = [torch.zeros_like(matrix) for matrix in matrices]

    @torch.no_grad()
    def step(self, rate):
        for matrix, momentum in zip(self.matrices, self.momenta):
            momentum.lerp_(matrix.grad, 0.05)
            update = orthogonal(matrix.grad.lerp(momentum, 0.95))
            matrix.add_(update, alpha=-rate * max(1, matrix.shape[0] / matrix.shape[1]) ** 0.5)


def orthogonal(matrix):
    """Five steps of Newton and Schulz's iteration, with Jordan's coefficients."""
    x = matrix.bfloat16()
    is_tall = x.shape[0] > x.shape[1]
    if is_tall:
        x = x.t()
    x = x / (x.float().norm() + 1e-7).bfloat16()
    for _ in range(5):
        square = x @ x.t()
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    return (x.t() if is_tall else x).float()


def loss_of(model, tokens, is_answer):
    """Mean over the tokens of answers, each from all before it in its row."""
    wanted = is_answer[:, 1:]
    return F.cross_entropy(model(tokens[:, :-1], wanted), tokens[:, 1:][wanted])


@torch.no_grad()
def held_out_loss(model, tokens, is_answer):
    total = count = 0
    for at in range(0, len(tokens), 16):
        part = is_answer[at : at + 16]
        answers = int(part[:, 1:].sum())
        total += float(loss_of(model, tokens[at : at + 16], part)) * answers
        count += answers
    return total / count


def rows_of(folder, name, context):
    """Rows of context + 1 tokens; the highest bit marks those of an answer."""
    raw = np.fromfile(os.path.join(folder, name), dtype="<u2").reshape(-1, context + 1).astype(np.int64)
    return torch.from_numpy(raw & 0x7FFF), torch.from_numpy(raw >= 0x8000)


def rate_at(step, plan):
    """Part of the full rate: all of it until the last steps, then falling to zero."""
    return min(1, (step + 1) / plan["warmUp"], (plan["steps"] - step) / plan["decay"])


def batches(part, rows, plan):
    """Of rows, again and again in another order each time."""
    round_ = 0
    while True:
        seed = plan["seed"] + 1000 * part + round_ + 1
        order = torch.randperm(len(rows[0]), generator=torch.Generator().manual_seed(seed))
        for at in range(0, len(order) - plan["batch"] + 1, plan["batch"]):
            picked = order[at : at + plan["batch"]]
            yield rows[0][picked], rows[1][picked]
        round_ += 1


def all_batches(folder, context, plan):
    """First of all words, then of common ones alone, so that what is asked for most is known best."""
    names = ("all.u16", "common.u16")
    first, then = (batches(part, rows_of(folder, name, context), plan) for part, name in enumerate(names))
    yield from itertools.islice(first, plan["stepsOfAll"])
    yield from then


def main(folder):
    corpus = json.load(open(os.path.join(folder, "corpus.json")))
    shape, plan = corpus["shape"], corpus["plan"]
    torch.manual_seed(plan["seed"])
    model = Model(**{key: shape[key] for key in ("vocabulary", "context", "width", "hidden", "layers", "heads")})
    held_out = rows_of(folder, "held-out.u16", shape["context"])
    matrices = [each for each in model.blk.parameters() if each.dim() == 2]
    others = [each for each in model.parameters() if not any(each is matrix for matrix in matrices)]
    muon, adam = Muon(matrices), torch.optim.Adam(others, betas=(0.9, 0.95), eps=1e-10)
    step, losses = 0, []
    checkpoint = os.path.join(folder, "checkpoint.pt")
    if os.path.exists(checkpoint):
        kept = torch.load(checkpoint)
        model.load_state_dict(kept["model"])
        muon.momenta, step, losses = kept["muon"], kept["step"], kept["losses"]
        adam.load_state_dict(kept["adam"])
    started, since = time.process_time(), step
    source = all_batches(folder, shape["context"], plan)
    for _ in range(step):
        next(source)
    while step < plan["steps"]:
        loss = loss_of(model, *next(source))
        model.zero_grad()
        loss.backward()
        rate = rate_at(step, plan)
        for group in adam.param_groups:
            group["lr"] = plan["adamRate"] * rate
        muon.step(plan["muonRate"] * rate)
        adam.step()
        losses.append(float(loss))
        step += 1
        if step % 20 == 0:
            mean = sum(losses[-20:]) / 20
            each = (time.process_time() - started) / (step - since)
            print(f"{time.strftime('%H:%M:%S')} step {step} of {plan['steps']}, loss {mean:.4f}, {each:.2f} s CPU a step", flush=True)
        if step % 100 == 0:
            state = {"model": model.state_dict(), "muon": muon.momenta, "adam": adam.state_dict(), "step": step, "losses": losses}
            torch.save(state, checkpoint + ".new")
            os.replace(checkpoint + ".new", checkpoint)
    loss = held_out_loss(model, *held_out)
    print(f"held-out loss {loss:.4f}, perplexity {math.exp(loss):.2f}")
    write(folder, model, loss)


def write(folder, model, loss):
    """All weights as float32, one after the other, and where each is."""
    tensors, at = {}, 0
    with open(os.path.join(folder, "weights.f32"), "wb") as file:
        for name, value in model.state_dict().items():
            values = value.float().contiguous().numpy().astype("<f4")
            file.write(values.tobytes())
            tensors[name + ".weight"] = [at, values.size]
            at += values.size
    facts = {"heldOutLoss": loss, "torch": torch.__version__, "tensors": tensors}
    json.dump(facts, open(os.path.join(folder, "training.json"), "w"), indent=2)


if __name__ == "__main__":
    main(sys.argv[1])
