"""What peft and mlx-lm make gives the same logits in hone as in themselves."""

import unittest

import peft
import tiny as tinies
import torch
import torch_model


class Imported(unittest.TestCase):
    def each(self, make):
        """`make` returns a folder with a new adapter, and the logits of its maker."""
        for case in ("llama", "qwen2", "qwen3"):
            with self.subTest(case):
                tiny = tinies.Tiny(case)
                folder, expected = make(tiny)
                found = tinies.hone_logits(tiny, tinies.imported(folder, tiny))
                tinies.assert_same(self, found, expected, tinies.hone_logits(tiny))

    def test_peft(self):
        self.each(lambda tiny: made_by_peft(tiny, target_modules="all-linear"))

    def test_peft_on_one_layer_with_rank_stabilised_scale(self):
        self.each(lambda tiny: made_by_peft(tiny, target_modules=["q_proj", "k_proj", "down_proj"], use_rslora=True,
                                            layers_to_transform=[1], layers_pattern="layers"))  # fmt: skip

    def test_mlx(self):
        try:
            import mlx_peer
        except ImportError as error:
            self.skipTest(f"mlx-lm is not installed: {error}")
        self.each(mlx_peer.made)


def made_by_peft(tiny, **options):
    torch.manual_seed(7)
    config = peft.LoraConfig(r=3, lora_alpha=8, task_type="CAUSAL_LM", **options)
    net = peft.get_peft_model(torch_model.load(tiny.path), config)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if ".lora_" in name:
                weight.normal_(std=0.1)
    folder = tinies.new("peft")
    net.save_pretrained(folder)
    return folder, tinies.torch_logits(net, tiny)


if __name__ == "__main__":
    unittest.main()
