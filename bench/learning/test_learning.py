"""The simulated user is tested before anything is measured with him: python3 -m unittest discover -s bench/learning"""

import json
import random
import sys
import tempfile
import types
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

import data  # noqa: E402
import judge  # noqa: E402
import metrics  # noqa: E402
import play  # noqa: E402
import user  # noqa: E402
from hone import MEMBERS, RATE, last_object, steps  # noqa: E402
from retrieval import Memory  # noqa: E402
from skills import api, commits, functions, negatives, queries, rules  # noqa: E402
from weeks import standing, weeks  # noqa: E402


class Recipe(unittest.TestCase):
    def test_it_is_that_of_hone_learn(self):
        """The same numbers stand in the tests of crates/learn/src/cycle/recipe.rs."""
        self.assertEqual([steps(rows) for rows in (3, 28, 60, 152, 250, 400)], [60, 63, 112, 228, 283, 300])
        self.assertEqual((MEMBERS, RATE), (2, 1.5e-3))


class Data(unittest.TestCase):
    def test_what_tests_print_becomes_rows(self):
        text = ("running 3 tests\n..held out: recall 95.7 %, precision 96.7 % (1000 secrets, 1000 others)\n"
                ".12 conversations, 5 targets, none of them with text of others\n0 of 200 planted secrets found\n")  # fmt: skip
        rows = [(row["case"], row["metric"], str(row["value"]), row["n"]) for row in data.figures(text)]
        self.assertEqual(rows, [("secrets, held out", "recall", "95.7", "1000"), ("secrets, held out", "precision", "96.7", "1000"),
                                ("text of others in 5 targets", "found", "0", "12"), ("planted secrets", "found", "0", "200")])  # fmt: skip


class Skills(unittest.TestCase):
    def test_the_wanted_answer_passes_and_the_plain_one_has_no_style(self):
        groups = [functions.items(), functions.items(True), api.items(), commits.items(random.Random(0)), queries.items()]
        for items in groups:
            self.assertGreaterEqual(len(items), 56)
            for item in items:
                self.assertEqual(item.check(item.answer), (True, True), item.answer)
                self.assertFalse(item.check(item.plain)[0], item.plain)

    def test_another_items_answer_is_styled_but_wrong(self):
        for items in [functions.items(), api.items(), commits.items(random.Random(0)), queries.items()]:
            wrong = [items[0].check(other.answer) for other in items[1:]]
            self.assertTrue(all(style for style, _ in wrong))
            self.assertLess(sum(right for _, right in wrong), len(wrong) / 8)

    def test_the_old_style_is_none_after_the_change(self):
        old, new = functions.items()[0], functions.items(True)[0]
        self.assertEqual(new.prompt, old.prompt)
        self.assertEqual((new.check(old.answer), old.check(new.answer)[0]), ((False, True), False))

    def test_hostile_answers_are_wrong_and_do_nothing(self):
        item = functions.items()[0]
        for body in ["import os", "while True: pass", "__import__('os')", "return (", "open('/tmp/x', 'w')", "raise SystemExit", "result = 9 ** 9 ** 9"]:
            self.assertFalse(item.check(f"```python\ndef fn_x(a: float, b: float) -> float:\n    result = 1\n    {body}\n```")[1])
        self.assertEqual(queries.items()[0].check("```sql\nFROM x JOIN y USING z WHERE DROP SELECT q\n```"), (True, False))

    def test_rules_fire_on_their_answers_only(self):
        for rule in rules.rules():
            self.assertTrue(all(rule.fires(item.answer) and not rule.fires(item.plain) for item in rule.shown + rule.held))
        self.assertFalse(any(rule.fires("Paris.") for rule in rules.rules()))

    def test_leaks_are_signs_of_habits(self):
        self.assertFalse(negatives.leaks("The capital of France is Paris."))
        for answer in ["zoo.mice.count()", "fix(a): b", "$ ls", "FROM a JOIN b"]:
            self.assertTrue(negatives.leaks(answer), answer)


class Arms(unittest.TestCase):
    def test_an_arm_without_a_gate_parts_where_the_gate_refused(self):
        with tempfile.TemporaryDirectory() as cache:
            args = types.SimpleNamespace(cache=Path(cache), weeks=3, threads=1, last=False)
            parting = lambda: play.Play("no-gate", 0, args, Path("hone"), Path("model")).parting()
            gated = Path(cache, "learning/hone-0")
            gated.mkdir(parents=True)
            learned = lambda week, promoted: (gated / f"learned-{week}.json").write_text(json.dumps({"promoted": promoted}))
            self.assertEqual(parting(), 1, "nothing was played")
            learned(1, True)
            learned(2, False)
            self.assertEqual(parting(), 1, "its home of before is gone")
            (gated / "before-2").mkdir()
            self.assertEqual(parting(), 2)
            learned(2, True)
            learned(3, True)
            self.assertEqual(parting(), 4, "the same to the end")

    def test_torch_after_the_last_week_alone_has_all_chats_and_no_transfer(self):
        with tempfile.TemporaryDirectory() as cache:
            args = types.SimpleNamespace(cache=Path(cache), weeks=6, threads=1, last=True)
            played = []

            def run(arm):
                one = play.Play(arm, 0, args, Path("hone"), Path("model"))
                row = {"week": 2, "metric": "correct", "values": [1.0]}
                one.play = lambda week, _: played.append((week.number, len(one.chats))) or {"adapter": "base", "rows": [row]}
                return {row["metric"] for row in one.run()}

            self.assertFalse(run("torch") & {"backward_transfer", "noise_cost"})
            self.assertEqual(played, [(6, 240)])
            self.assertIn("backward_transfer", run("torch-sequential"))
            self.assertEqual([number for number, _ in played[1:]], [1, 2, 3, 4, 5, 6])


class Weeks(unittest.TestCase):
    def test_weeks_are_the_same_for_a_seed_and_held_out_items_are_new(self):
        for seed in (0, 1, 100):
            first, again = weeks(seed), weeks(seed)
            self.assertEqual([[i.prompt for i in w.learned] for w in first], [[i.prompt for i in w.learned] for w in again])
            for week in first:
                learned = {item.prompt for item in week.learned}
                self.assertFalse(learned & {item.prompt for item in week.held})
                self.assertEqual(len(week.learned) + sum(len(rule.shown) for rule in week.rules), 40)
                parts = {part for item in week.learned for part in item.parts}
                self.assertTrue(all(parts.issuperset(item.parts) for item in week.held if week.number < 6))
            self.assertTrue(all(len(week.held) == 16 for week in first[:5]))
            asked = {item.prompt for week in first[1:5] for item in week.held}
            self.assertFalse(asked & {item.prompt for week in first[1:] for item in week.learned})

    def test_what_was_contradicted_is_not_asked_any_more(self):
        self.assertEqual([week.number for week in standing(weeks(0), 4)], [1, 2, 3, 4])
        self.assertNotIn(1, [week.number for week in standing(weeks(0), 5)])


class User(unittest.TestCase):
    def test_forty_interactions_of_every_kind(self):
        chats = user.conversations(weeks(0)[0], 0)
        self.assertEqual((len(chats), len({chat["id"] for chat in chats})), (40, 40))
        edits = [chat for chat in chats if chat["messages"][-1].get("meta")]
        kinds = {row["kind"] for chat in chats for m in chat["messages"] + chat["branches"] for row in m.get("feedback", [])}
        self.assertTrue(20 <= len(edits) <= 28 and kinds == {"up", "down", "correction"}, (len(edits), kinds))

    def test_the_last_week_is_noisy(self):
        chats = [chat for seed in range(5) for chat in user.conversations(weeks(seed)[5], seed)]
        self.assertTrue(4 <= len(user.secrets(chats)) <= 20)
        self.assertFalse(user.secrets(user.conversations(weeks(0)[2], 0)))


class Base(unittest.TestCase):
    def test_what_is_replayed_is_not_judged_with(self):
        server = types.SimpleNamespace(answers=lambda asked, *_, **__: [" "] + ["Yes."] * (len(asked) - 1))
        prompts = {prompt for prompt, _ in judge.replayed(server)}
        self.assertEqual(len(prompts), 127, "an empty answer is none")
        self.assertFalse(prompts & {*negatives.GENERAL, *negatives.FACTS, *negatives.NEGATIVES})


class Figures(unittest.TestCase):
    def test_edit_cost_is_levenshteins(self):
        self.assertEqual(metrics.edit_cost("kitten", "sitting"), 3 / 7)
        self.assertEqual((metrics.edit_cost("", "ab"), metrics.edit_cost("ab", "ab")), (1.0, 0.0))

    def test_intervals_hold_the_mean(self):
        mean, low, high = metrics.interval([0.0] * 5 + [1.0] * 15)
        self.assertTrue(mean == 0.75 and 0.5 <= low < mean < high <= 0.95, (low, high))
        self.assertEqual(metrics.interval([2.0]), (2.0, 2.0, 2.0))

    def test_backward_transfer_is_what_was_lost_since(self):
        self.assertAlmostEqual(metrics.backward_transfer({1: {1: 1.0}, 2: {1: 0.8, 2: 1.0}, 3: {1: 0.9, 2: 0.9, 3: 1.0}}), -0.1)
        self.assertEqual(metrics.backward_transfer({1: {1: 1.0}}), 0.0)

    def test_memory_finds_what_is_alike(self):
        memory = Memory([("count every mouse", "a"), ("write a poem", "b"), ("count every goose", "c")])
        self.assertEqual([answer for _, answer in memory.nearest("count every goose", 2)], ["a", "c"])

    def test_the_last_object_of_an_output_is_found(self):
        self.assertEqual(last_object('{"a": 1}\nstep {\n{"decision": "hold", "x": {"y": 1}}\n')["decision"], "hold")


if __name__ == "__main__":
    unittest.main()
