#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Debian's programs that are linked with libjemalloc.so.2 run on granary's, unmodified.

redis-server answers its memory commands with sane figures, before and after it gave memory back;
nghttpd serves h2load without a failed request; varnishd caches and serves in front of it. Each must
have granary's libjemalloc.so.2 in its maps, found by the loader under that name.
"""
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import harness


class Linked(harness.Allocator):
    """Programs find libjemalloc.so.2 in a directory; nothing is preloaded."""

    def environment(self, extra=None):
        env = dict(os.environ, LC_ALL="C", LD_LIBRARY_PATH=os.path.dirname(self.library), **(extra or {}))
        env.pop("LD_PRELOAD", None)
        return env


def wait_until(ask, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not ask():
        harness.check(time.monotonic() < deadline, f"{what}: not after {seconds} s")
        time.sleep(0.02)


def check_mapped(pid, library):
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    harness.check(library in maps, f"{library} is not in the maps of {pid}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def peak_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024


# ---- redis --------------------------------------------------------------------------------------

def fields(text):
    return dict(line.strip().split(":", 1) for line in text.splitlines() if ":" in line)


def check_figures(redis):
    """INFO memory and MEMORY STATS agree with each other and with the kernel: (allocated, resident set)."""
    def read():
        info = fields(redis("INFO", "memory"))
        return info, *(int(info[name]) for name in ("used_memory", "allocator_allocated", "allocator_active",
                                                    "allocator_resident", "used_memory_rss"))

    def agree():
        # Redis asks its allocator ten times a second, and counts its own blocks only.
        _, used, allocated, *_ = read()
        return abs(used - allocated) < 0.1 * allocated + (1 << 20)

    wait_until(agree, f"used_memory and allocator_allocated agree, {read()[1:]}", 5)
    info, _, allocated, active, resident, rss = read()
    harness.check(info["mem_allocator"].startswith("jemalloc-5."), info["mem_allocator"])
    harness.check(0 < allocated <= active <= resident, f"allocator: {allocated}, {active}, {resident}")
    harness.check(resident < rss * 1.3 + (8 << 20), f"resident {resident}, the kernel says {rss}")
    stats = redis("MEMORY", "STATS")
    for name in ("allocator.allocated", "allocator.active", "allocator.resident", "fragmentation"):
        harness.check(name in stats, f"MEMORY STATS has no {name}")
    return allocated, rss


def redis(trial, linked, keys):
    directory = trial.fresh("redis")
    server = linked.start(
        [trial.need("redis-server"), "--port", "0", "--unixsocket", directory / "socket", "--dir", directory, "--save",
         ""], stdout=open(directory / "log", "wb"), stderr=subprocess.STDOUT)
    cli = [trial.need("redis-cli"), "-s", str(directory / "socket")]

    def ask(*words):
        return subprocess.run([*cli, *words], capture_output=True, text=True, check=False).stdout.strip()

    try:
        wait_until(lambda: ask("PING") == "PONG", "redis-server")
        check_mapped(server.pid, linked.library)
        load = subprocess.run(
            [trial.need("redis-benchmark"), "-s", str(directory / "socket"), "-t", "set,lpush,sadd,hset", "-n",
             str(keys), "-r", str(keys), "-d", "500", "-P", "16", "-q"], capture_output=True, text=True, check=False)
        harness.check(load.returncode == 0 and "rror" not in load.stdout, load.stdout + load.stderr)
        allocated, rss = check_figures(ask)
        harness.check(allocated > keys * 500, f"{allocated} bytes for {keys} values of 500 bytes")
        report = ask("MEMORY", "MALLOC-STATS")
        for mark in ("Allocated: ", "arenas[", "bins:"):
            harness.check(mark in report, f"MEMORY MALLOC-STATS has no {mark!r}")
        ask("FLUSHALL")
        harness.check(ask("MEMORY", "PURGE") == "OK", "MEMORY PURGE")
        wait_until(lambda: check_figures(ask)[1] < rss * 0.6, "memory back after FLUSHALL and MEMORY PURGE")
        peak = peak_mib(server.pid)
        ask("SHUTDOWN", "NOSAVE")
        harness.check(server.wait(30) == 0, f"redis-server ended with {server.returncode}")
    finally:
        server.kill()
        server.wait()
    return peak


# ---- nghttpd and varnishd ------------------------------------------------------------------------

def http_load(trial, port, requests):
    output = subprocess.run(
        [trial.need("h2load"), "-n", str(requests), "-c", "10", "-m", "10", f"http://127.0.0.1:{port}/body"],
        capture_output=True, text=True, check=False, env=trial.linked.environment()).stdout
    match = re.search(r"(\d+) succeeded, (\d+) failed", output)
    harness.check(match and int(match.group(1)) == requests and match.group(2) == "0", output)


def stop(process, wanted, what):
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(20)
    except subprocess.TimeoutExpired:
        code = "nothing: it did not end"
    harness.check(code in wanted, f"{what} ended with {code}")


def nghttpd(trial, linked, requests):
    directory = trial.fresh("www")
    (directory / "body").write_bytes(b"granary " * 4000)
    port = free_port()
    server = linked.start([trial.need("nghttpd"), "--no-tls", "-n", "2", "-d", directory, str(port)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port), "nghttpd")
        check_mapped(server.pid, linked.library)
        http_load(trial, port, requests)
        peak = peak_mib(server.pid)
        stop(server, (0, -signal.SIGTERM), "nghttpd")
    finally:
        server.kill()
        server.wait()
    return peak


BACKEND = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = (self.path * 3000).encode()[:20000]
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=600")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
"""


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.getheader("X-Varnish", "")


def varnishd(trial, linked, paths):
    """Every page is fetched once and then served from the cache; the worker is granary's too."""
    directory = trial.fresh("varnish")
    os.chmod(trial.directory, 0o755)
    backend_port, port = free_port(), free_port()
    backend = subprocess.Popen([sys.executable, "-c", BACKEND.replace("PORT", str(backend_port))])
    server = linked.start(
        [trial.need("varnishd"), "-F", "-j", "none", "-a", f"127.0.0.1:{port}", "-b", f"127.0.0.1:{backend_port}", "-n",
         directory / "work", "-s", "malloc,64m", "-T", "none"], stdout=open(directory / "log", "wb"),
        stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: answers(backend_port) and answers(port), "varnishd")
        wait_until(lambda: get(port, "/ready")[0] == 200, "varnishd's first page")
        children = pathlib.Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii").split()
        harness.check(children, "varnishd has no worker")
        for pid in [server.pid, *children]:
            check_mapped(pid, linked.library)
        for turn in range(3):
            for number in range(paths):
                path = f"/{number}"
                status, body, seen = get(port, path)
                harness.check(status == 200 and body == (path * 3000).encode()[:20000], f"{path}: {status}")
                # Two numbers: this request's, and that of the one that filled the cache.
                harness.check(turn == 0 or len(seen.split()) == 2, f"{path} was not served from the cache")
        peak = max(peak_mib(pid) for pid in children)
        stop(server, (0,), "varnishd")
    finally:
        for process in (server, backend):
            process.kill()
            process.wait()
    return peak


def body(trial):
    library = trial.granary.library
    if trial.arguments.build:  # full.py names the library that is preloaded
        library = os.path.realpath(os.path.join(trial.arguments.build, "jemalloc/lib/libjemalloc.so.2"))
    harness.check(os.path.basename(library) == "libjemalloc.so.2", f"{library} is not a libjemalloc.so.2")
    trial.linked = linked = Linked("granary", library)
    for program in ("redis-server", "nghttpd", "varnishd"):
        listed = subprocess.run(["ldd", trial.need(program)], capture_output=True, text=True, check=True).stdout
        harness.check("libjemalloc.so.2" in listed, f"this {program} is not linked with libjemalloc")
    scale = 10 if trial.full else 1
    start = time.monotonic()
    peaks = [redis(trial, linked, 50_000 * scale), nghttpd(trial, linked, 20_000 * scale),
             varnishd(trial, linked, 100 * scale)]
    result = harness.Result(0, b"", b"", time.monotonic() - start, max(peaks), set())
    trial.done("redis-server, nghttpd, varnishd on granary's libjemalloc.so.2", result, result)


if __name__ == "__main__":
    sys.exit(harness.main("jemalloc's clients", __doc__, body))
