#include "cli/commands.h"

namespace pylon::cli {

// The same text is conf/config.yaml.example of the project; a test compares them.
const char* const kStarterConfig =
    R"(# Pylon's configuration: what is not written here has its default.
# `pylon help config` lists every key; `pylon test` checks this file; `pylon reload` applies it.
# ${{NAME}} and ${{NAME:=default}} are replaced by environment variables.

apisix:
  node_listen:            # where clients are served
    - 9080
  # enable_ipv6: false    # not on [::]
  # router:
  #   http: radixtree_uri # the default is radixtree_host_uri

nginx_config:
  worker_processes: auto  # one per core
  error_log_level: warn
  # http:
  #   access_log_format: '$remote_addr "$request" $status $request_time'

deployment:
  role: traditional       # this process serves traffic and the Admin API
  role_traditional:
    config_provider: embedded
  embedded:
    path: data/pylon.db   # the store: one file, nothing else to run
  admin:
    admin_listen:
      ip: 127.0.0.1
      port: 9180
    allow_admin:          # who may use the Admin API at all
      - 127.0.0.0/24
    admin_key:
      - name: admin
        key: ''           # empty: generated at the first start and written here
        role: admin
)";

}  // namespace pylon::cli
