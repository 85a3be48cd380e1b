"""A WebSocket echo server with a real library, and frames by hand for clients."""

import asyncio
import threading

import websockets

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class EchoSocket:
    """Echoes what it gets; remembers what it was asked and how many are connected."""

    def __init__(self, address="127.0.0.1"):
        self.asked, self.open, self.port = [], 0, None
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()

        async def begin():
            self.server = await websockets.serve(self._serve, address, 0, ping_interval=None)
            self.port = self.server.sockets[0].getsockname()[1]
            ready.set()

        def run():
            asyncio.set_event_loop(self.loop)
            self.loop.create_task(begin())
            self.loop.run_forever()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        assert ready.wait(5)

    async def _serve(self, peer, path):
        fields = {name.lower(): value for name, value in peer.request_headers.items()}
        self.asked.append((path, fields))
        self.open += 1
        try:
            async for message in peer:
                await peer.send(message)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.open -= 1

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


def client_frame(kind, payload, mask=b"\1\2\3\4"):
    """One masked frame of at most 65535 octets."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    masked = bytes(octet ^ mask[i % 4] for i, octet in enumerate(payload))
    return bytes([0x80 | kind]) + length + mask + masked


def server_frames(octets):
    """The whole frames in what a server sent: (kind, payload)."""
    found = []
    while len(octets) >= 2:
        size, at = octets[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(octets[2:4], "big"), 4
        elif size == 127:
            size, at = int.from_bytes(octets[2:10], "big"), 10
        if len(octets) < at + size:
            break
        found.append((octets[0] & 15, octets[at : at + size]))
        octets = octets[at + size :]
    return found
