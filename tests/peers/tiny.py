"""The tiny models with an adapter, as hone and as its peers see them.

HONE_BIN        the program, `target/release/hone` by default
HONE_LOGITS     the example that prints logits, `target/release/examples/logits` by default
HONE_TEST_LLAMA folder of llama.cpp's programs; its tests are skipped where it is missing
"""

import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import peft
import torch
from safetensors import safe_open

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/engine/tests/fixtures"
sys.path.insert(0, str(ROOT / "bench"))
import torch_model

# Without and with permuted rows, tied and untied embeddings, all layers and some.
CASES = ["llama", "llama-upper", "qwen2", "qwen2-upper", "qwen3"]
# The cache holds keys and values in f16.
TOLERANCE = 1e-3
HONE = os.environ.get("HONE_BIN", str(ROOT / "target/release/hone"))
LOGITS = os.environ.get("HONE_LOGITS", str(ROOT / "target/release/examples/logits"))


class Tiny:
    """A model, and the adapter that torch trained for it."""

    def __init__(self, case):
        with safe_open(FIXTURES / "training" / f"{case}.safetensors", "np") as file:
            recipe = json.loads(file.metadata()["recipe"])
            names = [name for name in file.keys() if name.startswith("final.")]
            self.factors = {name.removeprefix("final."): file.get_tensor(name) for name in names}
        self.path = FIXTURES / "models" / recipe["model"]
        self.scale, self.rank = recipe["scale"], recipe["rank"]
        reader = gguf.GGUFReader(self.path)
        self.arch = torch_model.architecture(reader)
        self.tokens = reader.fields["reference.tokens"].contents()

    def lora_gguf(self, path):
        """The adapter as llama.cpp's converter writes it, by the hand of llama.cpp's own package."""
        out = gguf.GGUFWriter(path, self.arch)
        out.add_type("adapter")
        out.add_string("adapter.type", "lora")
        out.add_float32("adapter.lora.alpha", self.scale * self.rank)
        for name, factor in self.factors.items():
            out.add_tensor(name, factor)
        out.write_header_to_file()
        out.write_kv_data_to_file()
        out.write_tensors_to_file()
        out.close()
        return path

    def checkpoint(self):
        """The base as a Hugging Face folder."""
        return checkpoint(self.path)


@functools.cache
def scratch():
    """A folder of this run, with hone's own in it."""
    folder = tempfile.TemporaryDirectory(prefix="hone-peers-")
    return folder, pathlib.Path(folder.name)


@functools.cache
def checkpoint(path):
    folder = new(f"{path.stem}-base")
    torch_model.save(path, folder)
    return folder


def new(name):
    """A path that is not there yet."""
    folder = scratch()[1]
    return next(path for n in range(1000) if not (path := folder / f"{n}-{name}").exists())


def home():
    """Where hone keeps what these tests make."""
    return scratch()[1] / "home"


def hone(*words):
    run = subprocess.run([HONE, *map(str, words)], capture_output=True, text=True,
                         env={**os.environ, "HONE_HOME": str(home())})  # fmt: skip
    if run.returncode != 0:
        raise AssertionError(f"hone {' '.join(map(str, words))} ended with {run.returncode}: {run.stderr}")
    return run.stdout


def imported(path, tiny):
    """The id of an adapter that hone took in."""
    return json.loads(hone("adapter", "import", path, "--base", tiny.path, "--name", "peer", "--json"))["id"]


def exported(adapter, layout, tiny):
    path = new(f"{layout}.gguf" if layout == "gguf" else layout)
    hone("adapter", "export", adapter, "--format", layout, "--base", tiny.path, "--out", path)
    return path


def hone_logits(tiny, adapter=None, tokens=None):
    """[tokens, vocabulary], with exact activations. `adapter` is an id."""
    command = [LOGITS, tiny.path, "--exact"]
    if adapter:
        command += ["--adapter", exported(adapter, "gguf", tiny)]
    asked = json.dumps([tokens or tiny.tokens])
    run = subprocess.run([str(word) for word in command], input=asked, capture_output=True, text=True)
    if run.returncode != 0:
        raise AssertionError(f"logits ended with {run.returncode}: {run.stderr}")
    return np.array(json.loads(run.stdout)[0])


def torch_logits(net, tiny):
    with torch.no_grad():
        return net.eval()(input_ids=torch.tensor([tiny.tokens])).logits[0].float().numpy()


def peft_logits(tiny, folder):
    return torch_logits(peft.PeftModel.from_pretrained(torch_model.load(tiny.path), folder), tiny)


def llama_programs():
    """Where llama.cpp is, or None."""
    folder = pathlib.Path(os.environ.get("HONE_TEST_LLAMA", ROOT / ".cache/bench/llama.cpp-programs"))
    return folder if (folder / "llama-perplexity").exists() else None


def assert_same(test, found, expected, base):
    """The same logits, and others than the base's, so that equality says something."""
    size = np.abs(expected).max()
    test.assertGreater(np.abs(expected - base).max(), 0.02 * size, "the adapter changes too little")
    test.assertLess(np.abs(found - expected).max(), TOLERANCE * size)
