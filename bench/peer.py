"""llama.cpp as a peer: built from the source that the Python package llama-cpp-python carries."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

PACKAGE = "llama-cpp-python==0.3.36"
TOOLS = ["llama-bench", "llama-batched-bench", "llama-quantize", "llama-perplexity"]
# The peer gets every instruction of this machine, as its users would build it.
OPTIONS = ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF",
           "-DLLAMA_BUILD_SERVER=OFF", "-DLLAMA_BUILD_UI=OFF", "-DLLAMA_BUILD_MTMD=OFF", "-DLLAMA_OPENSSL=OFF"]
# GCC 12 drops the stores to the tile configuration, because its intrinsic claims to read only eight bytes of it,
# and the peer ends with an illegal instruction where there is AMX. This makes the stores visible.
AMX_FILE = "ggml/src/ggml-cpu/amx/mmq.cpp"
AMX_CALL = "    _tile_loadconfig(&tc);"
AMX_FIX = '    __asm__ volatile("" : : "r"(&tc) : "memory");\n' + AMX_CALL


class Peer:
    """The programs of llama.cpp in one folder."""

    def __init__(self, programs: Path):
        self.programs = programs
        self.version = self._version()

    def prefill(self, model: Path, tokens: int, threads: int) -> tuple[float, int]:
        """Tokens a second, and peak resident bytes."""
        return self._bench(model, threads, "-p", str(tokens), "-n", "0")

    def decode(self, model: Path, tokens: int, threads: int) -> tuple[float, int]:
        """Tokens a second from an empty context, and peak resident bytes."""
        return self._bench(model, threads, "-p", "0", "-n", str(tokens))

    def decode_many(self, model: Path, prompt: int, tokens: int, sequences: int, threads: int) -> tuple[float, int]:
        """Tokens a second in total over sequences that decode together, and peak resident bytes."""
        context = sequences * (prompt + tokens)
        out, rss = run([self.programs / "llama-batched-bench", "-m", model, "-t", threads, "-npp", prompt,
                        "-ntg", tokens, "-npl", sequences, "-c", context, "--output-format", "jsonl"])
        rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return rows[-1]["speed_tg"], rss

    def quantize(self, source: Path, target: Path, kind: str) -> Path:
        """The same model in another format. What the first quantisation lost stays lost: for speed only."""
        if not target.exists():
            part = target.with_suffix(".part")
            run([self.programs / "llama-quantize", "--allow-requantize", source, part, kind])
            part.rename(target)
        return target

    def _bench(self, model: Path, threads: int, *what: str) -> tuple[float, int]:
        out, rss = run([self.programs / "llama-bench", "-m", model, "-t", threads, "-r", 1, "-o", "json", *what])
        return json.loads(out)[0]["avg_ts"], rss

    def _version(self) -> str:
        record = self.programs / "version.txt"
        return record.read_text().strip() if record.exists() else PACKAGE


def run(command: list) -> tuple[str, int]:
    """Standard output and peak resident bytes of a program that must succeed."""
    command = [str(word) for word in command]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # Few lines come on standard error, so it cannot fill while standard output is read.
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{err[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return out, usage.ru_maxrss * unit


def environment(cache: Path) -> Path:
    """A Python with what building and making files takes; its bin folder."""
    folder = cache / "venv"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        packages = ["cmake", "ninja", "scikit-build-core", "numpy", "gguf"]
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "-q", *packages], check=True)
        (folder / "ready").touch()
    return folder / "bin"


def packages(folder: Path, requirements: Path) -> Path:
    """A Python with what a requirements file names, made anew when that changes, as `./test` makes it; its program."""
    wanted, kept = requirements.read_text().strip(), folder / "wanted"
    if not kept.exists() or kept.read_text().strip() != wanted:
        print(f"installing {requirements} into {folder} ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "-q", "-r", requirements], check=True)
        kept.write_text(wanted + "\n")
    return folder / "bin/python"


def build(cache: Path, jobs: int) -> Peer:
    """Fetches, builds and returns llama.cpp; later calls find it built."""
    programs = cache / "llama.cpp-programs"
    if not all((programs / tool).exists() for tool in TOOLS):
        compiled(cache, jobs, TOOLS)
        (programs / "version.txt").write_text(PACKAGE + "\n")
    return Peer(programs)


def server(cache: Path, jobs: int) -> Path:
    """llama.cpp's own HTTP server without its page, built beside the other programs when first asked for."""
    program = cache / "llama.cpp-programs/llama-server"
    if not program.exists():
        compiled(cache, jobs, [program.name], "-DLLAMA_BUILD_SERVER=ON", "-DLLAMA_BUILD_MTMD=ON")
    return program


def compiled(cache: Path, jobs: int, tools: list[str], *more: str) -> None:
    """Compiles programs, and copies them to the others. What was compiled before is used again."""
    source = fetch(cache)
    bin_folder = environment(cache)
    work = source / "build"
    path = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    cmake = [bin_folder / "cmake"]
    # Static libraries make programs that can be moved.
    options = [*OPTIONS, "-DBUILD_SHARED_LIBS=OFF", *more]
    log = (cache / "build.log").open("w")
    print(f"building llama.cpp (log: {log.name}) ...", flush=True)
    for step in ([*cmake, "-G", "Ninja", "-S", source, "-B", work, *options],
                 [*cmake, "--build", work, "-j", str(jobs), "--target", *tools]):
        if subprocess.run(step, env=path, stdout=log, stderr=log).returncode != 0:
            raise SystemExit(f"llama.cpp does not build here: see {log.name}")
    programs = cache / "llama.cpp-programs"
    programs.mkdir(exist_ok=True)
    for tool in tools:
        shutil.copy2(work / "bin" / tool, programs / tool)


def fetch(cache: Path) -> Path:
    """The source tree of llama.cpp."""
    folder = cache / PACKAGE.replace("-", "_").replace("==", "-")
    source = folder / "vendor/llama.cpp"
    if not (source / "CMakeLists.txt").exists():
        python = environment(cache) / "python"
        # Build isolation would install the package's build tools from source.
        subprocess.run([python, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation", "--no-binary",
                        "llama-cpp-python", "-d", cache, PACKAGE], check=True)
        with tarfile.open(cache / f"{folder.name}.tar.gz") as tar:
            tar.extractall(cache, filter="data")
    amx = source / AMX_FILE
    text = amx.read_text()
    if AMX_FIX not in text:
        amx.write_text(text.replace(AMX_CALL, AMX_FIX))
    return source
