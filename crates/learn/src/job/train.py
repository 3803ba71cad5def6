#!/usr/bin/env python3
"""Trains a LoRA adapter with torch and PEFT, from the data and the recipe beside this file.

    pip install -r requirements.txt
    python train.py                                   # CPU, or one GPU
    torchrun --nproc-per-node 4 train.py              # several; accelerate launch works too
    hone adapter import adapter                       # back at home

`--base` is a Hugging Face name or a folder and must be the model that hone has, before quantisation; where it is left
out it comes from job.json. Begins with the factors of `initial/`, takes the examples in the order that hone takes them,
and writes `adapter/` (PEFT) and `metrics.jsonl`. The result does not depend on the number of processes, but for rounding.
"""

import argparse
import functools
import json
import math
import os
import pathlib
import time

import peft
import torch
import torch.distributed as distributed
import transformers

HERE = pathlib.Path(__file__).resolve().parent
WORLD, RANK, LOCAL_RANK = (int(os.environ.get(name, default)) for name, default in
                           (("WORLD_SIZE", 1), ("RANK", 0), ("LOCAL_RANK", 0)))  # fmt: skip
IGNORED = -100


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", type=pathlib.Path, default=HERE, help="folder with job.json, train.jsonl and valid.jsonl")
    parser.add_argument("--base", help="Hugging Face name or folder of the base model")
    parser.add_argument("--dtype", choices=["f32", "bf16"], help="bf16 on a GPU, f32 on a CPU where it is left out")
    parser.add_argument("--valid-rows", type=int, default=200, help="rows of valid.jsonl that are measured")
    args = parser.parse_args()
    job = json.loads((args.job / "job.json").read_text(encoding="utf-8"))
    device = start()

    tokenizer = transformers.AutoTokenizer.from_pretrained(args.base or job["base"])
    tokenizer.chat_template = job.get("chat_template") or tokenizer.chat_template
    rows = read(args.job / "train.jsonl", tokenizer, job)
    held_out = read(args.job / "valid.jsonl", tokenizer, job)[: args.valid_rows]
    if not rows:
        raise SystemExit("no row of train.jsonl has anything to learn from")

    torch.manual_seed(job["seed"])
    net = model(args.base or job["base"], args.dtype or ("f32" if device.type == "cpu" else "bf16"), job, args.job).to(device)
    with (args.job / "metrics.jsonl").open("a" if RANK else "w", encoding="utf-8") as metrics:
        train(net, rows, held_out, job, lambda line: say(line, metrics))
    if RANK == 0:
        net.save_pretrained(args.job / "adapter")
        print(f"saved {args.job / 'adapter'}", flush=True)
    if WORLD > 1:
        distributed.destroy_process_group()


def start():
    """The device of this process."""
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(LOCAL_RANK)
    if WORLD > 1:
        distributed.init_process_group("nccl" if gpu else "gloo")
    return torch.device("cuda", LOCAL_RANK) if gpu else torch.device("cpu")


def say(line, metrics):
    if RANK == 0:
        shown = lambda value: f"{value:.4g}" if isinstance(value, float) else value
        print("  ".join(f"{key} {shown(value)}" for key, value in line.items()), flush=True)
        metrics.write(json.dumps(line) + "\n")
        metrics.flush()


# ---- data


def read(path, tokenizer, job):
    """Tokens and labels of every row; a row without a target is left out and counted."""
    rows, dropped = [], 0
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            for line in filter(str.strip, lines):
                tokens, labels = encode(tokenizer, json.loads(line)["messages"], job["loss_on"])
                row = (tokens[: job["max_seq"]], labels[: job["max_seq"]])
                if targets(row):
                    rows.append(row)
                else:
                    dropped += 1
    if dropped and RANK == 0:
        print(f"{path.name}: {dropped} rows have no target and are left out", flush=True)
    return rows


def encode(tokenizer, messages, loss_on="assistant"):
    """Tokens of a chat, and the same as labels where they count: the assistant's words with their turn's end."""
    render = lambda count, **options: tokenizer.apply_chat_template(messages[:count], tokenize=False, **options)
    text = render(len(messages))
    spans = []
    for n, message in enumerate(messages):
        if message["role"] == "assistant":
            before, after = render(n, add_generation_prompt=True), render(n + 1)
            if not (after.startswith(before) and text.startswith(after)):
                raise SystemExit("this chat template rewrites earlier turns; use a base with a plainer one")
            # What a template writes behind the turn's end is never generated.
            spans.append((len(before), len(after.rstrip())))
    out = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    tokens = out["input_ids"]
    counts = lambda at: loss_on == "all" or any(first <= at < last for first, last in spans)
    labels = [token if counts(at) else IGNORED for token, (at, _) in zip(tokens, out["offset_mapping"])]
    # Nothing comes before the first token, so nothing predicts it.
    return tokens, [IGNORED, *labels[1:]]


def targets(row):
    return sum(label != IGNORED for label in row[1])


# ---- training


def model(base, dtype, job, job_folder):
    kind = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]
    net = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=kind)
    net.config.use_cache = False
    if job.get("checkpointing", True):
        net.gradient_checkpointing_enable({"use_reentrant": False})
        net.enable_input_require_grads()
    initial = job_folder / "initial"
    config = peft.PeftConfig.from_pretrained(initial)
    config.lora_dropout = job.get("dropout", 0.0)
    return peft.PeftModel.from_pretrained(net, initial, config=config, is_trainable=True)


def train(net, rows, held_out, job, report):
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=job["learning_rate"], betas=(0.9, 0.999), eps=1e-8,
                                  weight_decay=job.get("weight_decay", 0.0))  # fmt: skip
    size = job["batch"] * job["accumulation"]
    steps = job.get("steps") or math.ceil(job["epochs"] * len(rows) / size)
    warm_up = int(job.get("warmup", 0.1) * steps + 0.5)
    # Rising to the peak in the warm-up, then falling to zero in a line: as hone's, a step with a rate of zero is none.
    part = lambda step: (step + 1) / warm_up if step < warm_up else (steps - step) / (steps - warm_up)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, part)
    report({"step": 0} | validation(net, held_out, job))
    began = time.monotonic()
    for step in range(1, steps + 1):
        chosen = [rows[at] for at in step_rows(len(rows), step - 1, size, job["seed"])]
        loss = gradients(net.train(), weights, chosen, job["batch"])
        norm = torch.nn.utils.clip_grad_norm_(weights, job.get("clip", 1.0)).item()
        rate = schedule.get_last_lr()[0]
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        line = {"step": step, "loss": loss, "norm": norm, "rate": rate, "seconds": time.monotonic() - began}
        report(line | (validation(net, held_out, job) if step == steps else {}))


def step_rows(count, step, size, seed):
    """Row numbers of a step, counted from 0. Each epoch is a new permutation, and its last step may be smaller."""
    per_epoch = max(1, math.ceil(count / size))
    first = step % per_epoch * size
    return permutation(count, seed, step // per_epoch)[first : first + size]


@functools.lru_cache(maxsize=1)
def permutation(count, seed, epoch):
    """Fisher and Yates with SplitMix64, as in hone."""
    bits = (1 << 64) - 1
    state, order = seed ^ (epoch * 0xD1342543DE82EF95 & bits), list(range(count))
    for i in range(count - 1, 0, -1):
        state = (state + 0x9E3779B97F4A7C15) & bits
        x = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & bits
        x = (x ^ x >> 27) * 0x94D049BB133111EB & bits
        j = (x ^ x >> 31) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return order


def gradients(net, weights, rows, batch):
    """Leaves the gradient of the mean over all targets of all rows; returns that mean. Each process takes its share
    of the micro-batches, and the shares are added up: adapters are small, so this needs no other machinery."""
    count, total = sum(map(targets, rows)), 0.0
    for part in share(rows, batch):
        loss = summed_loss(net, part) / count
        loss.backward()
        total += loss.item()
    for weight in weights:
        weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
        add_up(weight.grad)
    return add_up(torch.tensor(total, dtype=torch.float64, device=weights[0].device)).item()


def share(rows, batch):
    """The micro-batches of this process."""
    return [rows[at : at + batch] for at in range(0, len(rows), batch)][RANK::WORLD]


def add_up(tensor):
    if WORLD > 1:
        distributed.all_reduce(tensor)
    return tensor


def summed_loss(net, rows):
    longest = max(len(tokens) for tokens, _ in rows)
    device = next(net.parameters()).device
    padded = lambda n, fill: torch.tensor([row[n] + [fill] * (longest - len(row[n])) for row in rows], device=device)
    seen = torch.tensor([[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens, _ in rows], device=device)
    labels = padded(1, IGNORED)[:, 1:]
    logits = net(input_ids=padded(0, 0), attention_mask=seen).logits[:, :-1]
    counted = labels != IGNORED
    return torch.nn.functional.cross_entropy(logits[counted].float(), labels[counted], reduction="sum")


def validation(net, rows, job):
    if not rows:
        return {}
    net.eval()
    total = torch.zeros((), dtype=torch.float64, device=next(net.parameters()).device)
    with torch.no_grad():
        for part in share(rows, job["batch"]):
            total += summed_loss(net, part).double()
    return {"valid_loss": add_up(total).item() / sum(map(targets, rows))}


if __name__ == "__main__":
    main()
