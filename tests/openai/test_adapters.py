"""Adapters through the official client: trained over HTTP, asked for as `name@adapter`."""

import atexit
import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

import openai
import served

ROWS = 24


class Adapters(unittest.TestCase):
    """A server of its own, with its own data folder, so that the others see no adapter."""

    @classmethod
    def setUpClass(cls):
        if os.environ.get("HONE_BASE_URL"):
            raise unittest.SkipTest("a server that runs already is not trained")
        cls.home = tempfile.TemporaryDirectory()
        environment = {**os.environ, "HONE_HOME": cls.home.name, "HONE_OFFLINE": "1"}
        for name in ("HONE_API_KEY", "HONE_ADAPTER", "HONE_HOST", "HONE_PORT"):
            environment.pop(name, None)
        rows = pathlib.Path(cls.home.name) / "rows.jsonl"
        row = lambda n: {"prompt": f"What is {n} plus {n}?", "completion": "Arr, matey! That be treasure!"}
        rows.write_text("".join(json.dumps(row(n)) + "\n" for n in range(ROWS)))
        program = os.environ.get("HONE_BIN", str(served.ROOT / "target/release/hone"))
        model = os.environ.get("HONE_TEST_MODEL", str(served.ROOT / ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf"))
        subprocess.run([program, "data", "fetch", str(rows), "--name", "pirate"], env=environment, check=True, stdout=subprocess.DEVNULL)
        cls.server = subprocess.Popen([program, "serve", "--model", model, "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True)
        atexit.register(served.stop, cls.server)
        cls.url = cls.server.stdout.readline().strip()
        while served.fetch(cls.url + "/health")[0] != 200:
            time.sleep(0.05)
        cls.client = openai.OpenAI(base_url=cls.url + "/v1", api_key="none", max_retries=0, timeout=300)
        cls.name = cls.client.models.list().data[0].id

    @classmethod
    def tearDownClass(cls):
        served.stop(cls.server)
        cls.home.cleanup()

    def say(self, model, **options):
        messages = [{"role": "user", "content": "What is 7 plus 7?"}]
        create = self.client.chat.completions.create
        return create(model=model, messages=messages, max_tokens=16, temperature=0, **options)

    def test_trained_over_http_it_answers_by_its_name(self):
        self.say(self.name)  # from here on the prompt is read from the cache: equal work, equal numbers
        before = self.say(self.name).choices[0].message.content
        body = {"data": "pirate", "steps": 12, "accumulation": 4, "rank": 8, "max_seq": 128, "learning_rate": 2e-3}
        status, _, text = served.fetch(self.url + "/api/train", body)
        self.assertEqual(status, 202, text)
        run = json.loads(text)["id"]
        # The stream of events ends with the run.
        events = served.fetch(f"{self.url}/api/train/{run}/events")[2].strip().split("\n\n")
        self.assertIn("event: done", events[-1])
        adapter = json.loads(events[-1].split("data: ")[1])["adapter"]

        ids = [model.id for model in self.client.models.list()]
        self.assertEqual(ids, [self.name, f"{self.name}@base", f"{self.name}@adapters_final"])
        for model in (f"{self.name}@adapters_final", f"{self.name}@{adapter}"):
            self.assertEqual(self.client.models.retrieve(model).id, model)
            reply = self.say(model)
            self.assertEqual(reply.model, model)
            self.assertIn("Arr, matey", reply.choices[0].message.content)
            streamed = "".join(chunk.choices[0].delta.content or "" for chunk in self.say(model, stream=True))
            self.assertIn("Arr, matey", streamed)
        self.assertEqual(self.say(self.name + "@base").choices[0].message.content, before)

        used = served.fetch(self.url + "/api/adapters/use", {"adapter": "adapters_final"})
        self.assertEqual((used[0], json.loads(used[2])["in_use"]), (200, adapter))
        self.assertIn("Arr, matey", self.say(self.name).choices[0].message.content)
        self.assertNotIn("Arr", self.say(self.name + "@base").choices[0].message.content)

        with self.assertRaises(openai.NotFoundError) as refused:
            self.say(self.name + "@nothing")
        self.assertEqual((refused.exception.code, refused.exception.param), ("model_not_found", "model"))


if __name__ == "__main__":
    unittest.main()
