"""A TCP proxy that can be told to misbehave: the network between a gateway and its store."""

import asyncio
import threading

from harness.ports import free_port


class FaultProxy:
    """Forwards `port` to 127.0.0.1:target. `hold()`: nothing passes any more, and nobody is told;
    `cut()`: all connections are reset, new ones closed at once; `heal()`: as before.
    `deafen(path)`: of connections whose last request was a POST there, answers are thrown away."""

    def __init__(self, target):
        self.target, self.port = target, free_port()
        self.mode = "pass"
        self.passing = None
        self.writers = set()
        self.paths = {}  # client's writer -> path of its last request
        self.deaf = set()
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait(10)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        self.passing = asyncio.Event()
        self.passing.set()
        server = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.loop.run_until_complete(server)
        ready.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        self.writers.add(writer)
        try:
            await self.passing.wait()
            if self.mode == "cut":
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            self.writers.add(far_writer)
            asked = self._pump(reader, far_writer, writer)
            await asyncio.gather(asked, self._pump(far_reader, writer, None))
        except OSError:
            pass
        finally:
            self._drop(writer)

    async def _pump(self, reader, writer, client):
        """`client`: where the answers to what is pumped go; None: these are the answers."""
        try:
            while octets := await reader.read(65536):
                await self.passing.wait()
                if client and octets.startswith(b"POST "):
                    self.paths[client] = octets.split(b" ", 2)[1].decode()
                if writer in self.deaf:
                    continue
                writer.write(octets)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._drop(writer)

    def _drop(self, writer):
        self.writers.discard(writer)
        self.deaf.discard(writer)
        self.paths.pop(writer, None)
        writer.close()

    def _set(self, mode):
        def change():
            self.mode = mode
            if mode == "hold":
                self.passing.clear()
            else:
                self.passing.set()
            if mode == "cut":
                for writer in list(self.writers):
                    writer.transport.abort()

        self.loop.call_soon_threadsafe(change)

    def hold(self):
        self._set("hold")

    def cut(self):
        self._set("cut")

    def heal(self):
        self._set("pass")

    def deafen(self, path):
        """Those that there are now."""
        self.loop.call_soon_threadsafe(
            lambda: self.deaf.update(w for w, asked in self.paths.items() if asked == path)
        )

    def close(self):
        self._set("cut")
        self.loop.call_soon_threadsafe(self.loop.stop)
