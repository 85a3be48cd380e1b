"""gRPC peers at both ends: the same service t.T and the same client by grpcio and by grpc-js.

Messages are octets. What a call did is an Outcome, whoever made it. grpc-js comes from the npm
registry into build/npm, once.
"""

import base64
import fcntl
import json
import shutil
import subprocess
import threading
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from harness.ports import free_port
from harness.process import Process
from harness.wire import until

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "grpc_js"
NO_LIMIT = [("grpc.max_receive_message_length", -1)]


def node_modules():
    """The folder with grpc-js in it."""
    folder = ROOT / "build/npm"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules/@grpc/grpc-js/package.json").exists():
            shutil.copy(SCRIPTS / "package.json", folder)
            command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    return folder / "node_modules"


@dataclass
class Outcome:
    code: str  # "OK"
    details: str = ""
    messages: list = field(default_factory=list)
    head: list = field(default_factory=list)  # metadata: (name, value), those of -bin as bytes
    trailers: list = field(default_factory=list)

    def of(self, name):
        return [v for n, v in self.head if n == name], [v for n, v in self.trailers if n == name]


# ---- servers

TRAILERS = (("x-trailer", "t"), ("x-trailer", "u"), ("x-trailer-bin", b"\0\xff\n"))


class PythonServer:
    def __init__(self, _folder, port=None):
        self.port = port or free_port()
        self.begun = self.cancelled = 0
        self.counting = threading.Lock()
        self.stopping = threading.Event()
        self.server = grpc.server(futures.ThreadPoolExecutor(32), options=NO_LIMIT)
        kinds = {
            "Unary": (grpc.unary_unary_rpc_method_handler, self.unary),
            "Refuse": (grpc.unary_unary_rpc_method_handler, self.refuse),
            "Big": (grpc.unary_unary_rpc_method_handler, lambda size, _: b"x" * int(size)),
            "Forever": (grpc.unary_unary_rpc_method_handler, self.forever),
            "Half": (grpc.unary_stream_rpc_method_handler, self.half),
            "Many": (grpc.unary_stream_rpc_method_handler, self.many),
            "Collect": (grpc.stream_unary_rpc_method_handler, lambda all, _: b",".join(all)),
            "Echo": (grpc.stream_stream_rpc_method_handler, lambda all, _: all),
        }
        handlers = {name: kind(call) for name, (kind, call) in kinds.items()}
        self.server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("t.T", handlers)]
        )
        assert self.server.add_insecure_port(f"127.0.0.1:{self.port}") == self.port
        self.server.start()

    def unary(self, request, context):
        context.set_compression(grpc.Compression.Gzip)
        seen = context.invocation_metadata()
        context.send_initial_metadata([pair for pair in seen if pair[0].startswith("x-t-")])
        context.set_trailing_metadata(TRAILERS)
        return request + b"|"

    def refuse(self, _request, context):
        context.set_trailing_metadata(TRAILERS)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no: é")

    def many(self, request, context):
        for number in range(int(request)):
            yield b"%d" % number
        if request == b"3":
            context.abort(grpc.StatusCode.DATA_LOSS, "half way")

    def half(self, _request, context):
        over = self.watch(context)
        yield b"half"  # not resumed when the call has ended
        over.wait(30)

    def forever(self, _request, context):
        self.watch(context).wait(30)
        return b""

    def watch(self, context):
        """Counts the call, and its end, which is told by the event that it gives."""
        over = threading.Event()

        def end():
            with self.counting:
                self.cancelled += 1
            over.set()

        with self.counting:
            self.begun += 1
        if not context.add_callback(end):
            end()
        return over

    def leave(self, grace_s):
        """Says GOAWAY and takes no new connection; calls may go on for some seconds. Gives an
        event that is set when the last has ended."""
        return self.server.stop(grace_s)

    def stop(self):
        self.server.stop(0).wait()


class NodeServer:
    def __init__(self, folder, port=None):
        self.port = port or free_port()
        command = ["node", str(SCRIPTS / "server.js"), str(self.port)]
        environment = {"NODE_PATH": str(node_modules())}
        self.process = Process(command, folder, environment)
        until(lambda: self._said("ready"), "the server of grpc-js", 20)

    def _said(self, word):
        return self.process.output.read_text().split("\n").count(word)

    @property
    def begun(self):
        return self._said("begun")

    @property
    def cancelled(self):
        return self._said("cancelled")

    def stop(self):
        self.process.stop()


# ---- clients


class PythonClient:
    def __init__(self, port, _folder=None, compress=False, ping_ms=None):
        options = list(NO_LIMIT)
        if ping_ms:
            options += [
                ("grpc.keepalive_time_ms", ping_ms),
                ("grpc.keepalive_timeout_ms", 1000),
                ("grpc.http2.max_pings_without_data", 0),
            ]
        compression = grpc.Compression.Gzip if compress else None
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options, compression)

    def call(self, kind, path, messages, metadata=(), deadline_ms=None, **how):
        """kind: unary, server, client or both. how: cancel_ms, cancel_after (so many answers),
        in_turn (each message waits for the answer to the one before)."""
        made = {
            "unary": self.channel.unary_unary,
            "server": self.channel.unary_stream,
            "client": self.channel.stream_unary,
            "both": self.channel.stream_stream,
        }[kind](path)
        turn = threading.Semaphore(1)
        asked = messages[0] if kind in ("unary", "server") else self._sent(messages, turn, how)
        options = {"metadata": metadata, "timeout": deadline_ms and deadline_ms / 1000}
        if kind in ("unary", "client"):
            call = made.future(asked, **options)
        else:
            call = made(asked, **options)
        if "cancel_ms" in how:
            threading.Timer(how["cancel_ms"] / 1000, call.cancel).start()
        got = []
        try:
            for answer in [call.result()] if kind in ("unary", "client") else call:
                got.append(answer)
                turn.release()
                if len(got) == how.get("cancel_after"):
                    call.cancel()
        except (grpc.RpcError, grpc.FutureCancelledError):
            pass
        pairs = [[(p.key, p.value) for p in m or ()]
                 for m in (call.initial_metadata(), call.trailing_metadata())]
        return Outcome(call.code().name, call.details(), got, *pairs)

    @staticmethod
    def _sent(messages, turn, how):
        for message in messages:
            if how.get("in_turn"):
                turn.acquire(timeout=20)
            yield message

    def close(self):
        self.channel.close()


class NodeClient:
    def __init__(self, port, _folder=None, compress=False, ping_ms=None):
        options = {"grpc.max_receive_message_length": -1}
        if compress:
            options["grpc.default_compression_algorithm"] = 2
        if ping_ms:
            options["grpc.keepalive_time_ms"] = ping_ms
            options["grpc.keepalive_timeout_ms"] = 1000
        self.child = subprocess.Popen(
            ["node", str(SCRIPTS / "client.js"), str(port), json.dumps(options)],
            env={"NODE_PATH": str(node_modules()), "PATH": "/usr/bin:/bin:/usr/local/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.waiting = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            got = json.loads(line)
            self.waiting.pop(got["id"]).set_result(got)
        for future in self.waiting.values():
            future.set_exception(AssertionError("client.js has ended"))

    def call(self, kind, path, messages, metadata=(), deadline_ms=None, **how):
        future = futures.Future()
        number = id(future)
        self.waiting[number] = future
        asked = {
            "id": number,
            "kind": kind,
            "path": path,
            "messages": [base64.b64encode(m).decode() for m in messages],
            "metadata": [self._coded(n, v) for n, v in metadata],
            "deadline_ms": deadline_ms,
            **how,
        }
        self.child.stdin.write(json.dumps(asked) + "\n")
        self.child.stdin.flush()
        got = future.result(40)
        answers = [base64.b64decode(text) for text in got["messages"]]
        pairs = [[self._decoded(*p) for p in got[part]] for part in ("head", "trailers")]
        return Outcome(got["code"], got["details"], answers, *pairs)

    @staticmethod
    def _coded(name, value):
        return [name, base64.b64encode(value).decode() if name.endswith("-bin") else value]

    @staticmethod
    def _decoded(name, value):
        return name, base64.b64decode(value) if name.endswith("-bin") else value

    def close(self):
        self.child.kill()
        self.child.wait()
