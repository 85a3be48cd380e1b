// PipeMetrics: the pipes through which one worker passes large bodies on: how many it has open, as
// pylon_body_pipes. The series is there once one was opened.
#pragma once

#include "net/pipe.h"
#include "observe/metrics.h"

namespace pylon::gateway {

class PipeMetrics {
 public:
  PipeMetrics(observe::Metrics& metrics, observe::MetricShard& shard)
      : metrics_(metrics), shard_(shard) {}

  // On the worker's thread.
  void report() {
    int open = net::Pipe::open_count();
    if (open == told_) return;
    if (!bound_) {
      open_ = shard_.gauge(metrics_.family({.name = "pylon_body_pipes",
                                            .help = "Pipes for large bodies that are open",
                                            .type = observe::MetricType::gauge}),
                           {});
      bound_ = true;
    }
    open_.set(open);
    told_ = open;
  }

 private:
  observe::Metrics& metrics_;
  observe::MetricShard& shard_;
  observe::Gauge open_;
  int told_ = 0;
  bool bound_ = false;
};

}  // namespace pylon::gateway
