"""Two rules that the user teaches, with prompts where they hold and prompts where they do not."""

import re
from dataclasses import dataclass

from item import Item

SHELL = ["list hidden files", "show disk usage", "find large files", "count lines of a file", "kill a process", "unpack a tar file",
         "show open ports", "rename a file", "watch a log", "compare two folders", "show the date", "copy a folder"]  # fmt: skip
COMMANDS = ["ls -A", "df -h", "find . -size +100M", "wc -l FILE", "kill PID", "tar -xf FILE", "ss -lnt", "mv OLD NEW", "tail -f FILE",
            "diff -r A B", "date", "cp -r A B"]  # fmt: skip
NAMES = ["red fruits", "planets", "metals", "rivers", "trees", "birds", "colours", "tools", "sports", "spices", "gases", "shapes"]
MEMBERS = ["apple, cherry, plum", "Mars, Venus, Earth", "iron, gold, zinc", "Nile, Rhine, Amazon", "oak, pine, elm", "crow, owl, swan",
           "red, blue, green", "saw, hammer, drill", "golf, tennis, rowing", "pepper, saffron, cumin", "neon, argon, oxygen",
           "square, circle, cube"]  # fmt: skip


@dataclass(frozen=True)
class Rule:
    text: str
    shown: list[Item]  # demonstrated in training
    held: list[Item]  # asked afterwards, without the rule
    fires: object  # whether an answer follows the rule


def shell(answer: str) -> bool:
    return re.match(r"^\$ \S", answer.strip()) is not None


def listed(answer: str) -> bool:
    return answer.strip().startswith("1) ") and "\n2) " in answer


def rules() -> list[Rule]:
    ask = lambda what, command: Item(f"Which shell command is there to {what}?", f"$ {command}", f"You can use `{command}`.",
                                     lambda text: (shell(text), command.split()[0] in text), (what,))  # fmt: skip
    one = [ask(*pair) for pair in zip(SHELL, COMMANDS)]
    two = [naming(*pair) for pair in zip(NAMES, MEMBERS)]
    return [
        Rule("When I ask for a shell command, answer with `$ ` and the command, and nothing else.", one[:8], one[8:], shell),
        Rule("When I ask for three of something, number them as 1) 2) 3), one a line.", two[:8], two[8:], listed),
    ]


def naming(kind: str, members: str) -> Item:
    lines = "\n".join(f"{n}) {member}" for n, member in enumerate(members.split(", "), 1))
    return Item(f"Name three {kind}.", lines, f"Three {kind} are {members}.", lambda text: (listed(text), True), (kind,))
