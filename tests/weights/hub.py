"""A hub of small files on loopback, and a way to fetch from it in a process of its own.

huggingface_hub reads its environment when it is imported, so that nothing less than a process can be pointed elsewhere.
"""

import hashlib
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cyberhost_cli.weights.catalogue import Entry, WeightsFile

REPO, REVISION = "somebody/some-model", "0123456789abcdef0123456789abcdef01234567"
FETCH = """
import sys
from pathlib import Path
from cyberhost_cli.cli import app
from cyberhost_cli.weights import catalogue
from cyberhost_cli.weights.catalogue import Entry, WeightsFile
catalogue.ENTRIES = ({entry!r},)
app.main()
"""


def entry_of(files, folder=""):
    """Return the entry of these files, as the hub below serves them."""
    listed = [WeightsFile(name, len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()]
    return Entry("some", "for tests", "non-commercial research only", REPO, REVISION, tuple(listed), folder)


def weights(*arguments, entry, endpoint, home, **environment):
    """Run `cyberhost weights` with a catalogue of this one entry; return exit code, stdout and stderr."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_", "XDG_"))}
    process = subprocess.run(
        [sys.executable, "-c", FETCH.format(entry=entry), "weights", *map(str, arguments)],
        env=kept | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home)} | environment,
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return process.returncode, process.stdout, process.stderr


def git_hash(content):
    """Return what git calls these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Hub:
    """Serves files of one repository at one revision as the hub does: large ones by way of another address."""

    files: dict[str, bytes]
    """By path in the repository; `.json` files are small ones, kept in git itself."""
    repo: str = REPO
    revision: str = REVISION
    commit: str = REVISION
    """What it says that it serves."""
    cuts: list[int] = field(default_factory=list)
    """After how many bytes the next answers break off."""
    ranges: bool = True
    """Whether a part of a file can be asked for."""
    stored: bool = True
    """Whether the large files are at the address that the hub names."""
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, file and range of every request for content."""

    def __enter__(self):
        hub = self

        class Handler(_Handler):
            served = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: Hub

    def do_HEAD(self):
        self._answer(self.path)

    def do_GET(self):
        self._answer(self.path)

    def log_message(self, *_):
        pass

    def _answer(self, path):
        resolved = re.fullmatch(f"/{self.served.repo}/resolve/{self.served.revision}/(.+)", path)
        stored = re.fullmatch(r"/stored/(.+)\?signature=secret", path)
        name = (resolved or stored or [None, None])[1]
        if name not in self.served.files or (stored and not self.served.stored):
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if name else "RepoNotFound")
            self.end_headers()
        elif resolved and not name.endswith(".json"):
            content = self.served.files[name]
            self.send_response(302)
            self.send_header("Location", f"/stored/{name}?signature=secret")
            self.send_header("X-Repo-Commit", self.served.commit)
            self.send_header("X-Linked-ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Linked-Size", str(len(content)))
            self.end_headers()
        else:
            self._send(name)

    def _send(self, name):
        content, asked = self.served.files[name], self.headers["Range"]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.served.ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("X-Repo-Commit", self.served.commit)
        self.send_header("ETag", f'"{git_hash(content)}"')
        self.end_headers()
        if self.command == "GET":
            self.served.asked.append((self.command, name, asked))
            end = self.served.cuts.pop(0) if self.served.cuts else len(content)
            self.wfile.write(content[start:end])
