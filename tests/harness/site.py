"""A real site: Debian's nginx with files, uploads by PUT (WebDAV) and byte ranges."""

import hashlib
import random
from pathlib import Path

from harness.ports import free_port
from harness.process import Process

CONFIGURATION = """
worker_processes 1;
error_log error.log warn;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
  types {{ text/html html; text/css css; image/png png; application/json json; }}
  default_type application/octet-stream;
  access_log access.log;
  sendfile on;
  gzip on; gzip_types text/css; gzip_min_length 100; gzip_vary on;
  client_max_body_size 0;
  client_body_temp_path {folder}/temp;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/files;
    location /upload/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
    location /slow/ {{ alias {folder}/files/; limit_rate 200k; }}
    location /private/ {{ auth_basic "x"; auth_basic_user_file {folder}/none; }}
    location /redirect {{ return 302 /index.html; }}
    location /stub {{ stub_status; }}
  }}
}}
"""


class Site:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.files = self.folder / "files"
        (self.files / "upload").mkdir(parents=True)
        for path in (self.folder, self.files, self.files / "upload"):
            path.chmod(0o777)
        self._write_files()
        self.port = free_port()
        path = self.folder / "nginx.conf"
        path.write_text(CONFIGURATION.format(folder=self.folder, port=self.port))
        command = ["nginx", "-p", str(self.folder), "-c", str(path), "-g", "daemon off; user root;"]
        self.process = Process(command, self.folder)
        self.process.await_port(self.port)

    def _write_files(self):
        octets = random.Random(7)
        page = "<!doctype html><title>Site</title>" + "<p>Grüße, мир, 世界</p>" * 500
        (self.files / "index.html").write_text(page)
        (self.files / "style.css").write_text("body { color: red; }\n" * 300)
        (self.files / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n" + octets.randbytes(250_000))
        (self.files / "empty.txt").write_bytes(b"")
        (self.files / "a b+c.json").write_text("{}")
        for size in (1, 65535, 65536, 65537, 1 << 20):
            (self.files / f"{size}.bin").write_bytes(octets.randbytes(size))

    def make_large(self, name, mebibytes):
        """A large file, and its SHA-256."""
        octets = random.Random(mebibytes)
        digest = hashlib.sha256()
        with open(self.files / name, "wb") as file:
            for _ in range(mebibytes):
                piece = octets.randbytes(1 << 20)
                digest.update(piece)
                file.write(piece)
        return digest.hexdigest()

    def stop(self):
        self.process.stop()
