"""One `hone serve` with the starter model for all tests of a run.

HONE_BASE_URL   a server that runs already, such as http://127.0.0.1:4663
HONE_BIN        otherwise: the program that is started, `target/release/hone` by default
HONE_TEST_MODEL and the model that it serves
"""

import atexit
import functools
import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

import openai

ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.cache
def base_url():
    """The server's address, once its model answers."""
    url = os.environ.get("HONE_BASE_URL") or start()
    deadline = time.monotonic() + 120
    while fetch(url + "/health")[0] != 200:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{url} is not healthy")
        time.sleep(0.05)
    return url.rstrip("/")


def start():
    program = os.environ.get("HONE_BIN", str(ROOT / "target/release/hone"))
    model = os.environ.get("HONE_TEST_MODEL", str(ROOT / ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf"))
    environment = {**os.environ, "HONE_HOST": "127.0.0.1"}
    environment.pop("HONE_API_KEY", None)
    # Nothing here may touch the user's own models or chats.
    environment.setdefault("HONE_HOME", str(ROOT / ".cache/home"))
    command = [program, "serve", "--model", model, "--port", "0"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    atexit.register(stop, server)
    address = server.stdout.readline().strip()
    if not address:
        raise RuntimeError(f"{program} did not start")
    return address


def stop(server):
    server.terminate()
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()


def client(**options):
    """The official client, without retries: a test wants to see the first answer."""
    return openai.OpenAI(base_url=base_url() + "/v1", api_key="none", **{"max_retries": 0, "timeout": 300, **options})


@functools.cache
def model():
    """The id of the model that is served."""
    return client().models.list().data[0].id


def fetch(url, body=None, headers=None):
    """Status, headers and text of a plain request."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=300) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()
    except urllib.error.URLError:
        return 0, {}, ""


def counter(name):
    """One value of /metrics."""
    lines = fetch(base_url() + "/metrics")[2].splitlines()
    return float(next(line for line in lines if line.startswith(name + " ")).split()[-1])


def wait_until_free():
    """Returns when the engine does nothing. One that goes on for ever hangs the test."""
    while counter("hone_running") + counter("hone_waiting") > 0:
        time.sleep(0.01)
