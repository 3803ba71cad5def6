"""Tools and schemas through the official client, answered by the starter model."""

import json
import unittest

import openai
import served

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "maxLength": 20},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
TIME = {"type": "function", "function": {"name": "get_time"}}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


def ask(text, **options):
    messages = [{"role": "user", "content": text}]
    defaults = {"model": served.model(), "messages": messages, "max_tokens": 200, "temperature": 0}
    return served.client().chat.completions.create(**{**defaults, **options})


class Tools(unittest.TestCase):
    def check(self, call):
        self.assertEqual((call.type, call.function.name), ("function", "get_weather"))
        arguments = json.loads(call.function.arguments)
        self.assertEqual(set(arguments), {"city", "unit"})
        self.assertIn(arguments["unit"], ("celsius", "fahrenheit"))
        self.assertLessEqual(len(arguments["city"]), 20)

    def test_a_named_tool_is_called(self):
        choice = {"type": "function", "function": {"name": "get_weather"}}
        for seed in range(5):
            reply = ask("How warm is it in Paris?", tools=[TIME, WEATHER], tool_choice=choice, temperature=1, seed=seed)
            (answer,) = reply.choices
            self.assertEqual((answer.finish_reason, answer.message.content), ("tool_calls", None))
            (call,) = answer.message.tool_calls
            self.check(call)
            self.assertTrue(call.id)

    def test_some_tool_is_called(self):
        for seed in range(5):
            reply = ask("Hello", tools=[TIME, WEATHER], tool_choice="required", temperature=1, seed=seed, n=2)
            for answer in reply.choices:
                (call,) = answer.message.tool_calls
                self.assertIn(call.function.name, ("get_time", "get_weather"))
                json.loads(call.function.arguments)

    def test_a_stream_calls_it_too(self):
        chunks = list(ask("How warm is it in Paris?", tools=[WEATHER], tool_choice="required", stream=True))
        calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
        self.assertEqual([call.index for call in calls], [0])
        self.check(calls[0])
        self.assertFalse("".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices))
        self.assertEqual(chunks[-1].choices[0].finish_reason, "tool_calls")

    def test_a_result_is_read(self):
        call = {"id": "c1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
        messages = [
            {"role": "user", "content": "What time is it?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "It is 12:34."},
        ]
        reply = ask("", messages=messages, tools=[TIME], max_tokens=24)
        self.assertTrue(reply.choices[0].message.content)
        # What so small a model makes of it is not the question: call and result are in its prompt.
        shorter = ask("", messages=messages[:1], tools=[TIME], max_tokens=1)
        self.assertGreater(reply.usage.prompt_tokens, shorter.usage.prompt_tokens + 20)

    def test_tools_may_be_left_alone(self):
        reply = ask("What is the capital of France?", tools=[WEATHER], tool_choice="none")
        self.assertIsNone(reply.choices[0].message.tool_calls)
        self.assertTrue(reply.choices[0].message.content)
        self.assertNotEqual(reply.choices[0].finish_reason, "tool_calls")


class Schemas(unittest.TestCase):
    def test_an_answer_has_its_form(self):
        form = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": PERSON}}
        for seed in range(5):
            reply = ask("Invent a person.", response_format=form, temperature=1, seed=seed)
            self.assertEqual(reply.choices[0].finish_reason, "stop")
            person = json.loads(reply.choices[0].message.content)
            self.assertEqual(set(person), {"name", "age"})
            self.assertTrue(isinstance(person["age"], int) and 0 <= person["age"] <= 150)

    def test_any_object(self):
        reply = ask("Write a JSON object with one field.", response_format={"type": "json_object"}, max_tokens=400)
        text = reply.choices[0].message.content
        self.assertTrue(text.startswith("{"))
        if reply.choices[0].finish_reason == "stop":
            self.assertIsInstance(json.loads(text), dict)

    def test_what_cannot_be_done_is_said(self):
        schema = lambda schema: {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        deep = {"type": "string"}
        for _ in range(40):
            deep = {"type": "object", "properties": {"a": deep}}
        for options, code, param in [
            ({"response_format": schema(deep)}, "invalid_value", "response_format"),
            ({"response_format": schema({"type": "king"})}, "invalid_value", "response_format"),
            ({"response_format": {"type": "xml"}}, "unsupported_parameter", "response_format.type"),
            ({"response_format": schema(PERSON), "tools": [TIME]}, "unsupported_parameter", "response_format"),
            ({"tools": [TIME], "tool_choice": {"type": "function", "function": {"name": "no"}}}, "invalid_value", "tool_choice"),
            ({"tool_choice": "required"}, "invalid_value", "tool_choice"),
            ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "invalid_value", "tools[0].function.name"),
        ]:
            with self.assertRaises(openai.BadRequestError) as refused:
                ask("Hi", **options)
            self.assertEqual((refused.exception.code, refused.exception.param), (code, param), options)


if __name__ == "__main__":
    unittest.main()
