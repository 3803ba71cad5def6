"""The API document: valid OpenAPI, and what the server says conforms to it."""

import json
import unittest

import jsonschema
import openapi_spec_validator
import served

CHAT = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
TEXT = {"prompt": "Hi", "max_tokens": 4}


class Document(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = json.loads(served.fetch(served.base_url() + "/openapi.json")[2])

    def schema(self, path, method, status, media):
        response = self.document["paths"][path][method]["responses"][str(status)]
        return {**response["content"][media]["schema"], "components": self.document["components"]}

    def conform(self, path, body=None, status=200, route=None, stream=False):
        method = "get" if body is None else "post"
        got, headers, text = served.fetch(served.base_url() + path, body)
        media = headers["Content-Type"].split(";")[0]
        self.assertEqual((got, media), (status, "text/event-stream" if stream else "application/json"))
        schema = self.schema(route or path, method, status, media)
        replies = [text]
        if stream:
            replies = [event.removeprefix("data: ") for event in text.split("\n\n") if event.startswith("data: {")]
            self.assertGreater(len(replies), 1)
        for reply in replies:
            jsonschema.validate(json.loads(reply), schema, jsonschema.Draft202012Validator)

    def test_it_is_valid(self):
        openapi_spec_validator.validate(self.document)

    def test_replies_conform(self):
        model = served.model()
        self.conform("/health")
        self.conform("/v1/models")
        self.conform(f"/v1/models/{model}", route="/v1/models/{model}")
        self.conform("/v1/models/none", route="/v1/models/{model}", status=404)
        for path, body, logprobs in (
            ("/v1/chat/completions", CHAT, {"logprobs": True, "top_logprobs": 2}),
            ("/v1/completions", TEXT, {"logprobs": 2}),
        ):
            for more in ({}, {"n": 2}, logprobs):
                self.conform(path, {**body, **more})
                streaming = {"stream": True, "stream_options": {"include_usage": True}}
                self.conform(path, {**body, **more, **streaming}, stream=True)
            self.conform(path, {**body, "model": "none"}, status=404)
            self.conform(path, {**body, "temperature": 9}, status=400)
            self.conform(path, {**body, "temperature": "hot"}, status=400)


if __name__ == "__main__":
    unittest.main()
