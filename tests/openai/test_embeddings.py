"""Embeddings through the official client, which asks for base64 by itself."""

import math
import unittest

import openai
import served

MODEL = "all-minilm-l6-v2"


def embed(texts, **options):
    return served.client().embeddings.create(model=MODEL, input=texts, **options)


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b))


class Embeddings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            embed("a")
        except openai.NotFoundError as error:
            raise unittest.SkipTest(f"the embedding model is missing: {error}")

    def test_near_meanings_are_near(self):
        texts = ["How do I sort a list?", "Sorting an array", "The cat sat on the mat."]
        reply = embed(texts)
        vectors = [one.embedding for one in reply.data]
        self.assertEqual([len(vector) for vector in vectors], [384] * 3)
        for vector in vectors:
            self.assertAlmostEqual(math.sqrt(cosine(vector, vector)), 1, places=5)
        self.assertGreater(cosine(vectors[0], vectors[1]), cosine(vectors[0], vectors[2]) + 0.3)
        self.assertEqual(reply.usage.prompt_tokens, reply.usage.total_tokens)

    def test_floats_and_base64_are_the_same_numbers(self):
        floats = embed("Hello, world!", encoding_format="float").data[0].embedding
        packed = embed("Hello, world!").data[0].embedding
        self.assertEqual(len(floats), len(packed))
        for a, b in zip(floats, packed):
            self.assertAlmostEqual(a, b, places=6)

    def test_tokens(self):
        reply = embed([[7592, 1010, 2088, 999], [7592]])
        self.assertEqual(len(reply.data), 2)
        self.assertGreater(cosine(reply.data[0].embedding, embed("Hello, world!").data[0].embedding), 0.9999)

    def test_what_is_refused(self):
        for options in [{"texts": "word " * 1000}, {"texts": "a", "dimensions": 5}, {"texts": []}]:
            with self.assertRaises(openai.BadRequestError):
                embed(**options)
        self.assertEqual(embed("word " * 1000, extra_body={"truncate": True}).usage.prompt_tokens, 256)
        with self.assertRaises(openai.NotFoundError):
            served.client().embeddings.create(model="text-embedding-3-small", input="a")


if __name__ == "__main__":
    unittest.main()
