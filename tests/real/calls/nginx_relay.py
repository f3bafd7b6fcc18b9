"""nginx as a relay: writes its configuration, starts it, and is followed by it when it ends, however it ends.

Takes the options of propagation.py. nginx copies headers by itself, so `forward` needs no line; `--after` is its
`mirror`, a copy of each request that is sent beside the relayed one and whose answer nobody waits for. `--also` and
`--polls` mean nothing to it. Its folder is gone once it listens, so bodies must fit into its buffers."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from propagation import options

# What a person would write, one mode each.
LINES = {
    "forward": "",
    "traceparent": 'proxy_set_header tracestate "";',
    "drop": 'proxy_set_header traceparent ""; proxy_set_header tracestate "";',
    # The same made-up parent-id in every call: nginx can draw one random id, and it is the trace's.
    "restart": 'proxy_set_header traceparent "00-$request_id-b7ad6b7169203331-01"; proxy_set_header tracestate "";',
}

CONFIGURATION = """daemon off;
worker_processes 2;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream next {{ server {next}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    location = /health {{ return 200 "well\\n"; }}
    location ~ ^/[a-z]+/([^/]+)$ {{
      set $identifier $1;
      proxy_pass http://next{prefix}/$identifier;
      proxy_http_version 1.1; proxy_set_header Connection "";
      {lines}
      {mirror}
    }}
    location = /copy {{
      internal;
      proxy_pass http://next{prefix}/$identifier;
      proxy_http_version 1.1; proxy_set_header Connection "";
    }}
  }}
}}
"""


def main():
    given = options()
    if given.context not in LINES:
        sys.exit(f"nginx cannot do {given.context}")
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or sys.exit("no nginx")
    address, _, prefix = given.calls.removeprefix("http://").partition("/")
    # nginx cannot say which port it got: one that was free a moment ago.
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        configuration = CONFIGURATION.format(
            folder=folder,
            port=port,
            next=address,
            prefix=f"/{prefix}" if prefix else "",
            lines=LINES[given.context],
            mirror="mirror /copy;" if given.after else "",
        )
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(configuration)
        command = [nginx, "-e", "stderr", "-p", folder, "-c", path]
        server = subprocess.Popen(command, preexec_fn=ends_with_its_parent)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.terminate())
        while server.poll() is None and not listens(port):
            time.sleep(0.01)
    print(f"listening on 127.0.0.1:{port}", flush=True)
    sys.exit(server.wait())


def ends_with_its_parent():
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
