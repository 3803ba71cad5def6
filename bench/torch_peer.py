#!/usr/bin/env python3
"""LoRA training with torch and PEFT, measured: one process for each setting, so that its peak memory is its own.

usage: torch_peer.py CHECKPOINT [--data ROWS.jsonl] [--accumulate N] [--dtype f32|bf16] [--checkpointing] [--compile]
                     [--seq N] [--rank N] [--threads N]

Without --data: steps of one sequence of N tokens, all of them targets. With --data (a chat in each line, as
`{"messages": [...]}`): one pass, row by row with the prompt masked, an update after every N of them. Prints one JSON object. Needs torch, peft and
transformers; CHECKPOINT is what torch_model.py writes.
"""

import argparse
import json
import statistics
import time

import peft
import torch
import transformers

WARM_UP, STEPS = 1, 4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("--data")
    parser.add_argument("--accumulate", type=int, default=1, help="rows of --data before an update")
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--compile", action="store_true", help="with torch.compile, whose time is not counted")
    parser.add_argument("--seq", type=int, default=512, help="tokens of a sequence; longer rows are cut")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    net = model(args)
    net = torch.compile(net) if args.compile else net
    report = chats(net, args) if args.data else sequences(net, args)
    print(json.dumps(report | {"torch": torch.__version__, "peft": peft.__version__}))


def model(args):
    """The base in the wanted type; PEFT keeps the adapter in f32, and autocast multiplies in bf16."""
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[args.dtype]
    base = transformers.AutoModelForCausalLM.from_pretrained(args.checkpoint, dtype=dtype)
    base.config.use_cache = False
    if args.checkpointing:
        base.gradient_checkpointing_enable({"use_reentrant": False})
        base.enable_input_require_grads()
    config = peft.LoraConfig(r=args.rank, lora_alpha=2 * args.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    return peft.get_peft_model(base, config).train()


class Trainer:
    """A step: forward, backward, clipping, AdamW."""

    def __init__(self, net, dtype):
        self.net, self.bf16 = net, dtype == "bf16"
        self.weights = [weight for weight in net.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(self.weights, lr=2e-4, weight_decay=0.0)

    def step(self, tokens, labels):
        loss = self.accumulate(tokens, labels)
        self.update()
        return loss

    def accumulate(self, tokens, labels):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.net(input_ids=tokens, labels=labels).loss
        loss.backward()
        return loss.item()

    def update(self):
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()


def sequences(net, args):
    trainer = Trainer(net, args.dtype)
    times = []
    for _ in range(WARM_UP + STEPS):
        tokens = torch.randint(0, net.config.vocab_size, (1, args.seq))
        began = time.perf_counter()
        trainer.step(tokens, tokens)
        times.append(time.perf_counter() - began)
    return {"train_tps": args.seq / statistics.median(times[WARM_UP:])}


def chats(net, args):
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.checkpoint)
    with open(args.data, encoding="utf-8") as lines:
        rows = [encode(tokenizer, json.loads(line)["messages"], args.seq) for line in lines]
    trainer = Trainer(net, args.dtype)
    # The first step also allocates.
    trainer.step(*rows[0])
    began = time.perf_counter()
    losses = []
    for first in range(0, len(rows), args.accumulate):
        losses += [trainer.accumulate(*row) for row in rows[first : first + args.accumulate]]
        trainer.update()
    took = time.perf_counter() - began
    count = sum(tokens.numel() for tokens, _ in rows)
    return {"train_examples_per_second": len(rows) / took, "train_tps": count / took, "loss": statistics.mean(losses)}


def encode(tokenizer, messages, longest):
    """Tokens and labels of one chat: the last message, with its turn's end, is what counts."""
    text = lambda part, **options: tokenizer.apply_chat_template(part, tokenize=False, **options)
    prompt = tokenizer(text(messages[:-1], add_generation_prompt=True), add_special_tokens=False).input_ids
    tokens = tokenizer(text(messages), add_special_tokens=False).input_ids[:longest]
    labels = [-100] * min(len(prompt), len(tokens)) + tokens[len(prompt) :]
    return torch.tensor([tokens]), torch.tensor([labels])


if __name__ == "__main__":
    main()
