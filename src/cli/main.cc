#include "cli/cli.h"
#include "gateway/gateway.h"

int main(int argc, char** argv) {
  return pylon::cli::run(argc, argv, &pylon::gateway::run_gateway);
}
