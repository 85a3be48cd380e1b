"""nginx and HAProxy in the place of the gateway: they show which tests are sane, and what the
field does. Never part of a verdict about Pylon."""

from pathlib import Path

from harness.lanes import BRIEF_S
from harness.ports import free_port
from harness.process import Process, children
from harness.wire import until


class _Peer:
    fence_request = b"GET /fence HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"

    def __init__(self, folder, lanes):
        self.folder = Path(folder)
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        path = self.folder / "peer.conf"
        path.write_text(self._configuration(lanes))
        self.process = Process(self._command(path), self.folder)
        self.process.await_port(self.port)
        self.workers = until(self.current_workers, "a worker process")

    def current_workers(self):
        return children(self.process.pid)

    def assert_alive(self):
        before, self.workers = self.workers, self.current_workers()
        assert self.process.running(), "the peer ended"
        assert self.workers == before, "a worker process was replaced"

    def tail(self):
        return self.process.tail(1500)

    def stop(self):
        return self.process.stop()


class Nginx(_Peer):
    def _command(self, path):
        return ["nginx", "-p", str(self.folder), "-c", str(path), "-g", "daemon off;"]

    def _configuration(self, lanes):
        upstreams = "\n".join(
            f"upstream {t.name} {{ server {t.address}:{t.port} max_fails=0; keepalive 8; }}"
            for t in lanes.tracks
        )
        locations = "\n".join(self._location(t) for t in lanes.tracks)
        return f"""
worker_processes 1;
error_log logs/error.log info;
pid nginx.pid;
events {{ worker_connections 2000; }}
http {{
  access_log off;
  underscores_in_headers on;
  client_max_body_size 0;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  {upstreams}
  server {{
    listen 127.0.0.1:{self.port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_request_buffering off;
    proxy_buffering off;
    {locations}
    location = /fence {{ proxy_pass http://127.0.0.1:{lanes.dead_port}; }}
  }}
}}
"""

    def _location(self, track):
        extra = ""
        if track.kind == "websocket":
            extra = (
                "proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade;"
                " proxy_set_header Connection $connection_upgrade;"
            )
        if track.kind == "brief":
            extra = f"proxy_read_timeout {BRIEF_S}s; proxy_send_timeout {BRIEF_S}s;"
        return f"location {track.prefix}/ {{ proxy_pass http://{track.name}; {extra} }}"


class Haproxy(_Peer):
    def current_workers(self):
        return [self.process.pid]

    def _command(self, path):
        return ["haproxy", "-db", "-f", str(path)]

    def _configuration(self, lanes):
        rules = "\n".join(
            f"  use_backend {t.name} if {{ path_beg {t.prefix}/ }}"
            for t in lanes.tracks
            if t.kind != "root"
        )
        backends = "\n".join(self._backend(t) for t in lanes.tracks)
        return f"""
global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout http-request 10s
frontend main
  bind 127.0.0.1:{self.port}
  use_backend fence if {{ path /fence }}
{rules}
  default_backend root
backend fence
  server s 127.0.0.1:{lanes.dead_port}
{backends}
"""

    def _backend(self, track):
        brief = f"  timeout server {BRIEF_S}s\n" if track.kind == "brief" else ""
        server = f"  server s {track.address}:{track.port}\n"
        return f"backend {track.name}\n{brief}  option forwardfor\n{server}"
