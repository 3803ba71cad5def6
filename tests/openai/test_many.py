"""Many clients, and clients that go away."""

import asyncio
import unittest

import openai
import served

STORY = [{"role": "user", "content": "Write a very long story about a lighthouse keeper."}]


def tell(client, **options):
    defaults = {"model": served.model(), "messages": STORY, "max_tokens": 2000, "temperature": 1}
    return client.chat.completions.create(**{**defaults, **options})


class GoingAway(unittest.TestCase):
    """The engine is free again although none of these answers came to its end."""

    def setUp(self):
        served.wait_until_free()
        self.cancelled = served.counter("hone_cancelled_total")

    def tearDown(self):
        served.wait_until_free()
        self.assertGreater(served.counter("hone_cancelled_total"), self.cancelled)

    def test_a_stream_that_is_closed(self):
        with served.client() as client:
            stream = tell(client, stream=True)
            for index, _ in enumerate(stream):
                if index == 5:
                    break
            stream.close()

    def test_a_client_that_times_out(self):
        with served.client(timeout=0.3) as client, self.assertRaises(openai.APITimeoutError):
            tell(client, n=4)

    def test_a_task_that_is_cancelled(self):
        async def run():
            async with openai.AsyncOpenAI(base_url=served.base_url() + "/v1", api_key="none") as client:
                task = asyncio.create_task(tell(client))
                await asyncio.sleep(0.3)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task

        asyncio.run(run())


class Crowd(unittest.TestCase):
    def test_twenty_at_once(self):
        """Everyone gets the answer to their own prompt, which is easy to go on with."""

        async def run():
            options = {"base_url": served.base_url() + "/v1", "api_key": "none", "timeout": 300}
            async with openai.AsyncOpenAI(**options) as client:
                async def one(number, stream):
                    prompt = f"The code is {number}. " * 6 + "The code is"
                    create = client.completions.create
                    reply = await create(model=served.model(), prompt=prompt, max_tokens=8, temperature=0, stream=stream)
                    if not stream:
                        return reply.choices[0].text
                    return "".join([chunk.choices[0].text async for chunk in reply])

                numbers = [1234 + 389 * index for index in range(20)]
                answers = await asyncio.gather(*(one(number, number % 2 == 0) for number in numbers))
                return zip(numbers, answers, strict=True)

        for number, answer in asyncio.run(run()):
            self.assertTrue(answer.strip().startswith(str(number)), (number, answer))


if __name__ == "__main__":
    unittest.main()
