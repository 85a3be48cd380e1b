#include "cli/cli.h"
#include "gateway/gateway.h"

// jemalloc's options, read before main(). One arena: the caches of the threads keep them apart, and
// what many connections leave behind is used again instead of once more in each arena.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:1";
}

int main(int argc, char** argv) {
  return pylon::cli::run(argc, argv, &pylon::gateway::run_gateway);
}
