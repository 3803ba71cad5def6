"""Plays a user of `hone chat` at a pseudo-terminal.

usage: terminal.py PLAY HONE MODEL
"""

import json
import os
import pathlib
import pty
import re
import select
import signal
import sys
import time

PATIENCE_S = 120
CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """A program with a terminal of its own."""

    def __init__(self, *command: str):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", NO_COLOR="1")
            os.execv(command[0], command)

    def expect(self, pattern: str) -> str:
        """Waits until the pattern is on the screen, and returns what came before it."""
        until = time.monotonic() + PATIENCE_S
        while not (found := re.search(pattern, self.seen)):
            if time.monotonic() > until or not self._read(1):
                raise AssertionError(f"{pattern!r} did not come; on the screen: {self.seen!r}")
        before, self.seen = self.seen[:found.start()], self.seen[found.end():]
        return before

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def leave(self) -> int:
        """Waits for the end and returns the exit code."""
        until = time.monotonic() + PATIENCE_S
        while self._read(1):
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"it does not end; on the screen: {self.seen!r}")
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self, seconds: float) -> bool:
        """Takes in what comes; false when the program has ended."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data.decode(errors="replace"))
        return bool(data)


def start(hone: str, model: str, *flags: str) -> Terminal:
    terminal = Terminal(hone, "chat", "--model", model, "--temperature", "0", *flags)
    terminal.expect("/help for commands")
    terminal.expect("> ")
    return terminal


def conversation(hone: str, model: str) -> None:
    t = start(hone, model, "--max-tokens", "6")
    t.type("/help\r")
    t.expect("/reset")
    t.expect("> ")
    t.type("/system Be brief.\r")
    t.expect("> ")
    t.type("first line\\\r")
    t.expect("… ")
    t.type("second line\r")
    t.expect(r"cut off")
    t.expect("> ")
    t.type('"""\r')
    t.expect("… ")
    t.type("def f():\r")
    t.expect("… ")
    t.type('"""\r')
    t.expect(r"cut off")
    t.expect("> ")
    t.type("/nonsense\r")
    t.expect("there is no /nonsense")
    t.expect("> ")
    t.type("/save talk.json\r")
    t.expect("saved to talk.json")
    t.expect("> ")
    t.type("/reset\r")
    t.expect("> ")
    t.type("/save empty.json\r")
    t.expect("saved to empty.json")
    t.expect("> ")
    t.type("/save talk.json\r")
    t.expect("cannot save to talk.json")
    t.expect("> ")
    t.type(CTRL_D)
    assert t.leave() == 0

    messages = json.loads(pathlib.Path("talk.json").read_text())["messages"]
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user", "assistant"], messages
    assert [m["content"] for m in messages[:2]] == ["Be brief.", "first line\nsecond line"], messages
    assert messages[3]["content"] == "def f():", messages
    assert [m["role"] for m in json.loads(pathlib.Path("empty.json").read_text())["messages"]] == ["system"]

    history = pathlib.Path(os.environ["HONE_HOME"], "history")
    assert "second line" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0, "the history is private"


def teaches(hone: str, model: str) -> None:
    t = start(hone, model, "--max-tokens", "6")
    t.type("remember: use tabs in every file\r")
    t.expect(r"Remembered, as rule [0-9a-f]{8}: use tabs in every file")
    t.expect("> ")
    t.type("Hello there. Always answer in one word.\r")
    t.expect(r"a draft of a rule, [0-9a-f]{8}: Always answer in one word\.")
    t.expect(r"rules in the prompt: [0-9a-f]{8}\)")
    t.expect("> ")
    t.type("/accept\r")
    t.expect(r"it holds: [0-9a-f]{8} Always answer in one word\.")
    t.expect("> ")
    t.type("And now?\r")
    t.expect(r"rules in the prompt: [0-9a-f]{8}, [0-9a-f]{8}\)")
    t.expect("> ")
    t.type("/accept\r")
    t.expect("no rule was offered")
    t.expect("> ")
    t.type("remember: never use tabs in every file\r")
    t.expect("Kept as a draft")
    t.expect(r"It contradicts rule [0-9a-f]{8}: use tabs in every file")
    t.expect("> ")
    t.type(CTRL_D)
    assert t.leave() == 0


def unsaved(hone: str, model: str) -> None:
    t = start(hone, model, "--max-tokens", "6", "--no-save")
    t.type("between us\r")
    t.expect(r"cut off")
    t.expect("> ")  # what is typed before it may be lost
    t.type(CTRL_D)
    assert t.leave() == 0


def killed(hone: str, model: str) -> None:
    t = start(hone, model, "--max-tokens", "1500")
    t.type("Tell me everything.\r")
    t.expect("\r\n")
    t.expect(r"\S")
    os.kill(t.pid, signal.SIGKILL)
    assert t.leave() == -signal.SIGKILL


def leave(hone: str, model: str) -> None:
    t = start(hone, model)
    t.type("half a thought" + CTRL_C)
    t.expect("Ctrl-C again")
    t.expect("> ")
    t.type(CTRL_C)
    assert t.leave() == 0


def stop(hone: str, model: str) -> None:
    t = start(hone, model, "--repetition-penalty", "1.3")
    t.type("Write a very long story.\r")
    t.expect("\r\n")
    t.expect(r"\w+ \w+ \w+")
    t.type(CTRL_C)
    t.expect(r"\(stopped\)")
    t.expect("> ")
    t.type("/save story.json\r")
    t.expect("saved to story.json")
    t.expect("> ")
    t.type(CTRL_D)
    assert t.leave() == 0
    story = json.loads(pathlib.Path("story.json").read_text())["messages"]
    assert [m["role"] for m in story] == ["user", "assistant"] and story[1]["content"].strip(), story


if __name__ == "__main__":
    plays = {"conversation": conversation, "teaches": teaches, "unsaved": unsaved, "killed": killed, "leave": leave, "stop": stop}
    plays[sys.argv[1]](*sys.argv[2:])
