"""Raw completions through the official client."""

import unittest

import openai
import served


def complete(prompt="The capital of France is", **options):
    defaults = {"model": served.model(), "prompt": prompt, "max_tokens": 12, "temperature": 0}
    return served.client().completions.create(**{**defaults, **options})


class Completions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        complete()  # from here on the prompt is read from the cache: equal work, equal numbers

    def test_it_goes_on(self):
        self.assertIn("Paris", complete().choices[0].text)

    def test_a_stream_says_the_same(self):
        said = "".join(chunk.choices[0].text for chunk in complete(stream=True))
        self.assertEqual(said, complete().choices[0].text)

    def test_several_prompts(self):
        reply = complete(["The capital of France is", "2 + 2 ="], n=2)
        self.assertEqual([choice.index for choice in reply.choices], [0, 1, 2, 3])
        texts = [choice.text for choice in reply.choices]
        # How many rows a batch holds decides how activations are rounded: of nearly equal tokens either may come.
        self.assertTrue(all(text.startswith(" Paris") for text in texts[:2]), texts)
        self.assertFalse(any("Paris" in text for text in texts[2:]), texts)

    def test_tokens_are_a_prompt(self):
        complete([504, 3575, 282])
        one, two = complete([504, 3575, 282]), complete([[504, 3575, 282], [504, 3575, 282]])
        self.assertEqual(one.usage.prompt_tokens, 3)
        self.assertEqual([choice.text for choice in two.choices], [one.choices[0].text] * 2)

    def test_echo(self):
        self.assertEqual(complete(echo=True).choices[0].text, "The capital of France is" + complete().choices[0].text)

    def test_logprobs(self):
        reply = complete(logprobs=3).choices[0]
        lists = reply.logprobs
        self.assertEqual(len(lists.tokens), len(lists.token_logprobs))
        self.assertEqual("".join(lists.tokens), reply.text)
        for token, logprob, top, offset in zip(
            lists.tokens, lists.token_logprobs, lists.top_logprobs, lists.text_offset, strict=True
        ):
            self.assertEqual(len(top), 3)
            self.assertEqual((max(top.values()), top[token]), (logprob, logprob))
            self.assertTrue(reply.text[offset:].startswith(token))

    def test_the_middle_needs_a_model_that_can(self):
        with self.assertRaises(openai.BadRequestError) as refused:
            complete("def add(a, b):\n    return ", suffix="\n\nprint(add(1, 2))")
        self.assertEqual((refused.exception.code, refused.exception.param), ("unsupported_parameter", "suffix"))

    def test_tokens_outside_of_the_vocabulary(self):
        with self.assertRaises(openai.BadRequestError) as refused:
            complete([10_000_000])
        self.assertEqual(refused.exception.param, "prompt")

    def test_a_prompt_that_does_not_fit(self):
        with self.assertRaises(openai.BadRequestError) as refused:
            complete("word " * 20_000)
        self.assertEqual(refused.exception.code, "context_length_exceeded")


if __name__ == "__main__":
    unittest.main()
