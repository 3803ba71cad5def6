#!/usr/bin/env python3
"""The same recipe in torch and PEFT: one process, which trains on a file of rows and writes a PEFT adapter.

usage: torch_peer.py CHECKPOINT ROWS.jsonl OUT --steps N --rate X [--members N] [--from ADAPTER] [--replay PAIRS.jsonl]
                     [--seed N] [--threads N]

Rank 16, scale 2, all linear layers, 10 % warm-up to --rate and then linear to zero, AdamW, clipping at 1, 4 examples a step.
So many --members share the steps, each from other first factors and in an order of its own; PEFT averages their updates.
With --replay two of these pairs (the base's own answers) are in each step, with 1.0 x KL to the base's top 50
log-probabilities and a bucket for the rest. Prints one JSON object.
"""

import argparse
import json
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import peft
import torch
import transformers

TOP, BATCH, REPLAY, LONGEST = 50, 4, 2, 512


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("rows")
    parser.add_argument("out")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--from", dest="start", help="an adapter to go on from")
    parser.add_argument("--replay", help="rows that hold the base's own answers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.checkpoint)
    base = transformers.AutoModelForCausalLM.from_pretrained(args.checkpoint, dtype=torch.float32)
    base.config.use_cache = False
    rows = [encode(tokenizer, row["messages"]) for row in read(args.rows)]
    replay = [encode(tokenizer, row["messages"]) for row in read(args.replay)] if args.replay else []
    config = peft.LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    names = [f"member{number}" for number in range(args.members)]
    if args.start:
        net = peft.PeftModel.from_pretrained(base, args.start, adapter_name=names[0], is_trainable=True)
    else:
        net = peft.get_peft_model(base, config, adapter_name=names[0])
    # Updates are zero until they are trained, and off here where they are not.
    with torch.no_grad(), net.disable_adapter():
        for row in replay:
            row.top = together(net, [row])[0].topk(TOP)
    began = time.perf_counter()
    losses = []
    for number, name in enumerate(names):
        if number:
            torch.manual_seed(args.seed + number)
            net.add_adapter(name, config)
        net.set_adapter(name)
        steps = args.steps * (number + 1) // args.members - args.steps * number // args.members
        losses += train(net.train(), rows, replay, steps, args.rate, random.Random(args.seed + number))
    took = time.perf_counter() - began
    save(net, names, Path(args.out))
    tokens = sum(len(row.ids) for row in rows)
    last = sum(losses[-5:]) / len(losses[-5:])
    print(json.dumps({"train_seconds": took, "examples": len(rows), "loss": last, "first_loss": losses[0], "tokens": tokens}))


def save(net, names: list[str], out: Path) -> None:
    """The average of the updates, with all of their ranks, as one adapter."""
    kept = names[0]
    if len(names) > 1:
        kept = "average"
        net.add_weighted_adapter(names, [1 / len(names)] * len(names), kept, combination_type="cat")
    net.save_pretrained(out, selected_adapters=[kept])
    for file in (out / kept).iterdir():
        shutil.move(file, out / file.name)
    (out / kept).rmdir()


def read(path: str) -> list[dict]:
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@dataclass
class Row:
    ids: torch.Tensor
    # The first target: the last message, with its turn's end, is what counts.
    start: int
    # The base's most likely tokens at each target, with their log-probabilities.
    top: torch.return_types.topk | None = None


def encode(tokenizer, messages) -> Row:
    text = lambda part, **options: tokenizer.apply_chat_template(part, tokenize=False, **options)
    prompt = tokenizer(text(messages[:-1], add_generation_prompt=True), add_special_tokens=False).input_ids
    tokens = tokenizer(text(messages), add_special_tokens=False).input_ids[:LONGEST]
    return Row(torch.tensor(tokens), min(len(prompt), len(tokens) - 1))


def together(net, rows):
    """The log-probabilities before each target of each row, computed as one padded batch."""
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row.ids)], mask[at, : len(row.ids)] = row.ids, 1
    hidden = net.get_base_model().model(input_ids=ids, attention_mask=mask).last_hidden_state
    head = net.get_base_model().lm_head
    return [head(hidden[at, row.start - 1 : len(row.ids) - 1]).float().log_softmax(-1) for at, row in enumerate(rows)]


def divergence(logs, row):
    """KL(base || net) over the kept tokens and one bucket for all others, a token."""
    ours = logs.gather(-1, row.top.indices)
    rest = lambda logs: (1 - logs.exp().sum(-1)).clamp(min=1e-6)
    p, q = rest(row.top.values), rest(ours)
    return ((row.top.values.exp() * (row.top.values - ours)).sum(-1) + p * (p / q).log()).mean()


def train(net, rows, replay, steps, peak, rng) -> list[float]:
    epochs = -(-steps * BATCH // len(rows))
    order = [at for _ in range(epochs) for at in rng.sample(range(len(rows)), len(rows))]
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=peak, weight_decay=0.0)
    warm = max(1, steps // 10)
    rate = lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    losses = []
    for step in range(steps):
        batch = [rows[at] for at in order[step * BATCH : (step + 1) * BATCH]]
        lessons = rng.sample(replay, min(REPLAY, len(replay)))
        said = together(net, batch + lessons)
        own = [-logs.gather(-1, row.ids[row.start :, None]).mean() for logs, row in zip(said, batch)]
        loss = sum(own) / len(own)
        anchor = sum(divergence(logs, row) for logs, row in zip(said[len(batch) :], lessons)) / max(1, len(lessons))
        (loss + anchor).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    main()
