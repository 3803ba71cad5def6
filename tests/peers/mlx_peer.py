"""mlx-lm on the tiny models, on MLX's CPU backend."""

import json

import mlx.core as mx
import numpy as np
import tiny as tinies
from mlx.utils import tree_flatten, tree_map
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import load

mx.set_default_device(mx.cpu)


def logits(tiny, folder):
    """With an adapter from a folder."""
    return run(load(str(tiny.checkpoint()), adapter_path=str(folder))[0], tiny)


def made(tiny):
    """A folder as `mlx_lm.lora` writes it, on the upper layer, and its logits."""
    net = load(str(tiny.checkpoint()))[0]
    keys = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"]
    settings = {"rank": 5, "scale": 3.0, "dropout": 0.0, "keys": keys}
    net.freeze()
    linear_to_lora_layers(net, 1, settings)
    mx.random.seed(7)
    net.update(tree_map(lambda factor: mx.random.normal(factor.shape) * 0.1, net.trainable_parameters()))
    folder = tinies.new("mlx")
    folder.mkdir()
    mx.save_safetensors(str(folder / "adapters.safetensors"), dict(tree_flatten(net.trainable_parameters())))
    config = {"fine_tune_type": "lora", "num_layers": 1, "lora_parameters": settings}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder, run(net, tiny)


def run(net, tiny):
    net.eval()
    return np.array(net(mx.array([tiny.tokens]))[0].astype(mx.float32))
